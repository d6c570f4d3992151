//! One worker's attempt, report by report. Decodes, calls one use case, answers.

use std::{ops::ControlFlow, sync::Arc, time::Instant};

use escriba_database::{DatabaseError, within_reason};
use escriba_events::lane_from_proto;
use escriba_proto::v1::{self, Directive, Report, refused::Reason, report::Body};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::directives::{chunk_end, chunk_failure, committed, finished, lost, planned_part, proceed, refused, status};
use crate::app::{
    App,
    claim_chunk::{Claim, ClaimRequest, claim_chunk},
    commit_segments::commit_segments,
    complete_chunk::complete_chunk,
    fail_chunk::fail_chunk,
    hold::{Claimed, Held},
    pace::Pace,
    plan_part::plan_part,
    release_chunk::release_chunk,
    renew_lease::{Progress, renew_lease, shorten_lease},
};

pub(super) struct Session {
    app: Arc<App>,
    directives: mpsc::Sender<Result<Directive, Status>>,
    held: Option<Holding>,
}

/// What the worker of this stream holds.
struct Holding {
    claimed: Claimed,
    pace: Pace,
    /// From the container, until decoding says better.
    audio_ms: Option<u64>,
}

/// Whether the stream goes on after a report.
type Step = ControlFlow<()>;

impl Session {
    pub(super) const fn new(app: Arc<App>, directives: mpsc::Sender<Result<Directive, Status>>) -> Self {
        Self { app, directives, held: None }
    }

    pub(super) async fn run(mut self, mut reports: Streaming<Report>, shutdown: CancellationToken) {
        loop {
            let report = tokio::select! {
                report = reports.message() => report,
                () = shutdown.cancelled() => {
                    self.answer(Err(Status::unavailable("the gateway is stopping; report to another"))).await;
                    break;
                }
            };
            let Ok(Some(report)) = report else { break };
            match within_reason(self.take(report)).await {
                Ok(Step::Continue(())) => {}
                Ok(Step::Break(())) => {
                    self.held = None;
                    break;
                }
                Err(error) => {
                    self.answer(Err(status(&error))).await;
                    break;
                }
            }
        }
        if let Some(holding) = self.held
            && let Err(error) = within_reason(shorten_lease(&self.app, holding.claimed)).await
        {
            tracing::warn!(%error, "a broken report stream was not noted; the lease runs out by itself");
        }
    }

    async fn take(&mut self, report: Report) -> Result<Step, DatabaseError> {
        let Some(body) = report.body else {
            self.answer(Err(Status::invalid_argument("the report has no body"))).await;
            return Ok(Step::Break(()));
        };
        if let Body::Claim(claim) = body {
            if self.held.is_some() {
                self.answer(Err(Status::failed_precondition("a stream is one attempt at one chunk"))).await;
                return Ok(Step::Break(()));
            }
            return self.claim(claim, report.lease).await;
        }
        let Some(holding) = &mut self.held else {
            self.answer(Err(Status::failed_precondition("the first report must be a claim"))).await;
            return Ok(Step::Break(()));
        };
        let claimed = Claimed { lease: report.lease, ..holding.claimed };
        let app = self.app.clone();
        match body {
            Body::Claim(_) => Ok(Step::Continue(())),
            Body::Plan(plan) => {
                holding.audio_ms = (plan.audio_ms > 0).then_some(plan.audio_ms);
                holding.pace.begin(Instant::now());
                Ok(Step::Continue(()))
            }
            Body::Progress(progress) => {
                let progress = holding.progress(progress);
                match renew_lease(&app, claimed, progress).await? {
                    Held::Yes(()) => Ok(Step::Continue(())),
                    Held::No(why) => Ok(self.end(lost(why)).await),
                }
            }
            Body::Segments(segments) => {
                holding.pace.end_window(segments.through_ms, Instant::now());
                let held = commit_segments(&app, claimed, finished(segments, holding.pace.speed())).await?;
                Ok(self.committed(held, Step::Continue(())).await)
            }
            Body::PartPlanned(planned) => {
                let Some(part) = planned_part(&planned) else {
                    self.answer(Err(Status::invalid_argument("the part's id is not a UUID"))).await;
                    return Ok(Step::Break(()));
                };
                let held = plan_part(&app, claimed, part).await?;
                Ok(self.committed(held, Step::Continue(())).await)
            }
            Body::Done(done) => {
                let held = complete_chunk(&app, claimed, chunk_end(done)).await?;
                Ok(self.committed(held, Step::Break(())).await)
            }
            Body::Failed(failed) => {
                let held = fail_chunk(&app, claimed, chunk_failure(failed)).await?;
                Ok(self.committed(held, Step::Break(())).await)
            }
            Body::Released(released) => {
                let held = release_chunk(&app, claimed, released.processing_ms).await?;
                Ok(self.committed(held, Step::Break(())).await)
            }
        }
    }

    async fn claim(&mut self, claim: v1::Claim, resumed_lease: u64) -> Result<Step, DatabaseError> {
        let Some(request) = claim_request(claim, resumed_lease) else {
            self.answer(Err(Status::invalid_argument("the claim names no job, chunk, lane and model"))).await;
            return Ok(Step::Break(()));
        };
        match claim_chunk(&self.app, &request).await? {
            Claim::Granted(grant) => {
                let claimed = Claimed { job: grant.job.id, chunk: grant.chunk.id, lease: grant.lease };
                self.held = Some(Holding {
                    claimed,
                    pace: Pace::resuming_at(grant.chunk.through_ms),
                    audio_ms: grant.job.audio_ms,
                });
                self.answer(Ok(proceed(&grant))).await;
                if self.directives.is_closed() && resumed_lease == 0 {
                    // It gave this gateway up and claims elsewhere; what nobody has begun is nobody's attempt.
                    release_chunk(&self.app, claimed, 0).await?;
                    return Ok(Step::Break(()));
                }
                Ok(Step::Continue(()))
            }
            Claim::Over => Ok(self.end(refused(Reason::Over)).await),
            Claim::HeldByAnother => Ok(self.end(refused(Reason::Held)).await),
        }
    }

    async fn committed(&self, held: Held<()>, next: Step) -> Step {
        match held {
            Held::Yes(()) => {
                self.answer(Ok(committed())).await;
                next
            }
            Held::No(why) => self.end(lost(why)).await,
        }
    }

    async fn end(&self, directive: Directive) -> Step {
        self.answer(Ok(directive)).await;
        Step::Break(())
    }

    /// A worker that is gone does not hear it, and needs not.
    async fn answer(&self, answer: Result<Directive, Status>) {
        self.directives.send(answer).await.ok();
    }
}

/// `None` when something in it cannot be read.
fn claim_request(claim: v1::Claim, resumed_lease: u64) -> Option<ClaimRequest> {
    Some(ClaimRequest {
        job: claim.job_id.parse().ok()?,
        chunk: claim.chunk_id.parse().ok()?,
        lane: lane_from_proto(claim.lane())?,
        model: claim.model.parse().ok()?,
        worker_id: claim.worker_id,
        resumed_lease,
    })
}

impl Holding {
    fn progress(&mut self, progress: v1::Progress) -> Progress {
        if progress.audio_ms > 0 {
            self.audio_ms = Some(progress.audio_ms);
        }
        let now = Instant::now();
        self.pace.reach(progress.processed_ms, now);
        Progress {
            processed_ms: progress.processed_ms,
            audio_ms: self.audio_ms,
            speed: self.pace.speed().unwrap_or(0.0),
            time_left_ms: self.audio_ms.and_then(|audio_ms| self.pace.time_left_ms(audio_ms, now)),
        }
    }
}
