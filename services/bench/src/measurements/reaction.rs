//! From acceptance to work: one job after the other to a worker that has nothing else to do. Both times are on the job
//! and of the database's clock: when the transaction that accepted it began, and when the one of its claim did.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::time::sleep;

use crate::{
    postgres::Durability,
    report::{Report, percentile},
    stand::{Stand, Workers},
};

const JOBS: usize = 200;
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// The slot is free a moment after the job has ended.
const SETTLE: Duration = Duration::from_millis(50);

pub(crate) async fn measure() -> anyhow::Result<Report> {
    let mut stand = Stand::start(Durability::Memory).await?;
    let recording = stand.short_recording(2);
    stand.staff(Workers { processes: 1, slots: 1, speed: 0 }).await;
    let mut times = Vec::new();
    for _ in 0..JOBS {
        let id = stand.client.submit(&recording, &[]).await;
        let job = loop {
            let job = stand.client.job(&id).await;
            if job["state"] == "completed" {
                break job;
            }
            sleep(LOOK_AGAIN).await;
        };
        times.push((time(&job["started_at"])? - time(&job["created_at"])?).to_std()?);
        sleep(SETTLE).await;
    }
    let mut report = Report::default();
    report.add_with_aim("idle worker: accepted to started, median", percentile(&times, 50), "ms", "< 50 ms");
    report.add("idle worker: accepted to started, 99th percentile", percentile(&times, 99), "ms");
    Ok(report)
}

fn time(value: &Value) -> anyhow::Result<DateTime<Utc>> {
    Ok(value.as_str().unwrap_or_default().parse()?)
}
