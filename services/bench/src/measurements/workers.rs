//! How well workers share: the same work a worker, with ever more workers. Each job is a recording of a few seconds,
//! decoded as any other, and recognition sleeps for as long as the recording lasts.

use crate::{
    postgres::Durability,
    report::{Report, number},
    stand::{Stand, Workers},
};

/// Processes, and workers in each.
const STAFFS: [(usize, usize); 6] = [(1, 1), (2, 1), (4, 1), (4, 2), (4, 4), (4, 8)];
const JOBS_A_WORKER: usize = 10;
const SECONDS: u32 = 2;
/// Of the jobs that wait or have run in this round.
const RATE: &str = "SELECT count(*) / extract(epoch FROM max(finished_at) - min(started_at)) FROM jobs";

pub(crate) async fn measure() -> anyhow::Result<Report> {
    let mut report = Report::default();
    let mut alone = None;
    for (processes, slots) in STAFFS {
        let workers = processes * slots;
        let rate = rate(Workers { processes, slots, speed: 1 }).await?;
        let alone = *alone.get_or_insert(rate);
        let what = format!("{workers} workers ({processes} × {slots}): speed-up");
        match workers {
            1 => report.add("1 worker: a job", 1.0 / rate, "s"),
            16 => report.add_with_aim(what, rate / alone, "×", "14"),
            _ => report.add(what, rate / alone, "×"),
        }
    }
    Ok(report)
}

/// Jobs a second, from the start of the first to the end of the last.
async fn rate(workers: Workers) -> anyhow::Result<f64> {
    let mut stand = Stand::start(Durability::Memory).await?;
    let recording = stand.short_recording(SECONDS);
    let jobs = JOBS_A_WORKER * workers.processes * workers.slots;
    for _ in 0..jobs {
        stand.client.submit(&recording, &[]).await;
    }
    stand.staff(workers).await;
    stand.completed(jobs).await?;
    let done = stand.postgres.number("SELECT count(*) FROM jobs WHERE state = 'completed'")?;
    anyhow::ensure!(done >= number(jobs as u64));
    stand.postgres.number(RATE)
}
