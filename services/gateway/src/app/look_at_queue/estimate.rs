//! How much is before a job, and how long workers take for it. Pure arithmetic.

use escriba_database::queues::QueueDepth;
use escriba_domain::{Lane, ModelName, WorkspaceId};
use escriba_events::v1::WorkerStatus;

/// Chunks that wait, and how much work they are as far as that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) chunks: u64,
    pub(super) known_ms: u64,
    /// Chunks whose length nobody knows yet.
    pub(super) unknown: u64,
}

impl Waiting {
    pub(super) const fn of(depth: &QueueDepth) -> Self {
        Self { chunks: depth.waiting, known_ms: depth.known_ms, unknown: depth.unknown }
    }

    /// Milliseconds of recording, where one of unknown length counts `length_ms`.
    pub(super) const fn work_ms(self, length_ms: u64) -> u64 {
        self.known_ms + self.unknown * length_ms
    }

    /// So many of these chunks.
    fn share(self, chunks: u64) -> Self {
        if chunks >= self.chunks {
            return self;
        }
        let part = |whole: u64| whole * chunks / self.chunks;
        Self { chunks, known_ms: part(self.known_ms), unknown: part(self.unknown) }
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            chunks: self.chunks + other.chunks,
            known_ms: self.known_ms + other.known_ms,
            unknown: self.unknown + other.unknown,
        }
    }
}

/// What is served before a workspace's chunk that stands behind `own` others of its own: by turns, what the others'
/// weights give them meanwhile, and before the batch lane the interactive one.
pub(super) fn before(of_model: &[&QueueDepth], (lane, workspace): (Lane, WorkspaceId), own: Waiting) -> Waiting {
    let is_own = |depth: &QueueDepth| depth.lane == lane && depth.workspace == workspace;
    let own_weight = of_model.iter().find(|depth| is_own(depth)).map_or(1, |depth| u64::from(depth.weight));
    of_model.iter().filter(|depth| !is_own(depth)).fold(own, |sum, depth| {
        let waiting = Waiting::of(depth);
        let meanwhile = match (depth.lane, lane) {
            (Lane::Interactive, Lane::Batch) => waiting,
            (Lane::Batch, Lane::Interactive) => Waiting::default(),
            // Who comes at the same time may be first or not.
            _ => waiting.share(own.chunks * u64::from(depth.weight) / own_weight),
        };
        sum.and(meanwhile)
    })
}

/// What workers get done together: milliseconds of recording a millisecond.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Capacity(f64);

impl Capacity {
    pub(super) fn for_model(workers: &[WorkerStatus], model: &ModelName) -> Self {
        let of_worker =
            |worker: &WorkerStatus| worker.speeds.get(model.as_str()).map(|speed| speed * f64::from(worker.slots));
        Self(workers.iter().filter_map(of_worker).sum())
    }

    /// Milliseconds for so many of recording.
    pub(super) fn time_for(self, work_ms: u64) -> Option<u64> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "milliseconds of recordings are far below 2^52, and no speed is negative"
        )]
        (self.0 > 0.0).then(|| (work_ms as f64 / self.0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(lane: Lane, workspace: WorkspaceId, waiting: u64, weight: u32) -> QueueDepth {
        let model = "base".parse().unwrap();
        QueueDepth { lane, model, workspace, weight, waiting, running: 0, known_ms: waiting * 1_000, unknown: 0 }
    }

    #[test]
    fn others_get_their_turns_meanwhile_and_no_more() {
        let (own, other) = (WorkspaceId::new(), WorkspaceId::new());
        let ours = depth(Lane::Interactive, own, 4, 1);
        let others = depth(Lane::Interactive, other, 1_000, 2);
        let batch = depth(Lane::Batch, other, 50, 1);
        let behind = |chunks| Waiting { chunks, known_ms: chunks * 1_000, unknown: 0 };
        let all = [&ours, &others, &batch];
        assert_eq!(before(&all, (Lane::Interactive, own), behind(0)).chunks, 0);
        let third = before(&all, (Lane::Interactive, own), behind(3));
        assert_eq!((third.chunks, third.work_ms(0)), (9, 9_000));
        assert_eq!(before(&all, (Lane::Batch, own), behind(0)).chunks, 1_004, "the batch lane comes last");
    }

    #[test]
    fn time_is_told_from_what_workers_measured() {
        let model: ModelName = "base".parse().unwrap();
        let worker = |speed: Option<f64>| WorkerStatus {
            slots: 2,
            speeds: speed.into_iter().map(|speed| ("base".to_owned(), speed)).collect(),
            ..WorkerStatus::default()
        };
        let some = Capacity::for_model(&[worker(Some(8.0)), worker(None)], &model);
        assert_eq!(some.time_for(160_000), Some(10_000));
        assert_eq!(Capacity::for_model(&[worker(None)], &model).time_for(1), None);
        assert_eq!(Capacity::for_model(&[], &model).time_for(1), None);
    }
}
