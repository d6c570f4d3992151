//! Small jobs a second: many clients send recordings of a few kilobytes, each the next one as soon as the last one was
//! accepted. Counted is until the last bell has rung, because a job that nobody hears of is not queued yet.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use crate::{
    fill,
    load::{Until, ask},
    postgres::Durability,
    report::{Report, number, percentile},
    stand::Stand,
    usage::{memory_mb, processor_time},
};

const CLIENTS: usize = 32;

/// For so many seconds, where so many jobs wait already.
pub(crate) async fn measure(durability: Durability, queued: u64, seconds: u64) -> anyhow::Result<Report> {
    let stand = Stand::start(durability).await?;
    let recording = stand.short_recording(2);
    let first = stand.client.submit(&recording, &[]).await;
    let case = match (durability, queued) {
        (Durability::Memory, 0) => "empty queue".to_owned(),
        (Durability::Disk, 0) => "empty queue, each commit on disk".to_owned(),
        (_, queued) => format!("{queued} waiting"),
    };
    let mut report = Report::default();
    if queued > 0 {
        let begun = Instant::now();
        fill::queue(&stand, &first, queued - 1).await?;
        report.add(format!("{case}: filled, with bells"), begun.elapsed().as_secs_f64(), "s");
        report.add(format!("{case}: gateway's memory"), memory_mb(stand.gateway.pid()), "MB");
    }
    stand.outbox_is_empty().await?;
    let rung_before = stand.stored("WORK").await;

    let (begun, busy) = (Instant::now(), processor_time(stand.gateway.pid()));
    let times = ask(CLIENTS, Until::Over(Duration::from_secs(seconds)), async || {
        let answer = stand.client.upload(&recording, &[]).send().await.expect("the gateway answers");
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        answer.bytes().await.expect("the answer is whole");
    })
    .await;
    let accepting = begun.elapsed();
    stand.outbox_is_empty().await?;
    let queuing = begun.elapsed();
    let busy = processor_time(stand.gateway.pid()).saturating_sub(busy);

    let accepted = number(times.len() as u64);
    let rung = number(stand.stored("WORK").await - rung_before);
    anyhow::ensure!(accepted <= rung, "{accepted} jobs were accepted and {rung} bells rung");
    report.add_with_aim(format!("{case}: accepted"), accepted / accepting.as_secs_f64(), "jobs/s", "300");
    report.add_with_aim(format!("{case}: accepted and rung for"), accepted / queuing.as_secs_f64(), "jobs/s", "300");
    report.add(format!("{case}: an upload, median"), percentile(&times, 50), "ms");
    report.add(format!("{case}: an upload, 99th percentile"), percentile(&times, 99), "ms");
    report.add(format!("{case}: gateway's processor time"), busy.as_secs_f64() * 1000.0 / accepted, "ms/job");
    Ok(report)
}
