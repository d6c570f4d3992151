//! The clients of a seed: what they send, cancel, run again and follow, and when. Everything is decided before the
//! first request, so that a seed sends the same at every time.

use std::{sync::Arc, time::Duration};

use escriba_domain::JobId;
use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    caller::Answer,
    dice::Dice,
    ledger::{Cancel, Outcome},
    recordings::{Kind, Recording},
    world::World,
};

/// Over so many milliseconds.
const LOAD_MS: usize = 20_000;
const SUBMISSIONS: usize = 36;
/// Patience for half a minute without a gateway.
const TRIES: usize = 15;
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// How long a reader of events does not read.
const STALLED: Duration = Duration::from_secs(15);
/// How often somebody looks whether a job has failed before they give up running it again.
const LOOKS: usize = 60;

/// What a client does after its job was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    Cancel(Duration),
    CancelAndRetry(Duration),
    RetryOnceFailed,
    /// Asks for the events, and never reads them.
    Stall,
}

/// One thing to send.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    at: Duration,
    recording: usize,
    workspace: usize,
    gateway: usize,
    lane: &'static str,
    then: Then,
}

impl Submission {
    pub(crate) fn is_canceled(&self) -> bool {
        matches!(self.then, Then::Cancel(_) | Then::CancelAndRetry(_))
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.then == Then::Stall
    }

    pub(crate) fn is_poison(&self, recordings: &[Recording]) -> bool {
        recordings[self.recording].kind == Kind::Poison
    }
}

/// Decides all that is sent. Poison takes longest, so it comes first.
pub(crate) fn plan(dice: &mut Dice, recordings: &[Recording], workspaces: usize, can_retry: bool) -> Vec<Submission> {
    let of = |wanted: fn(&Kind) -> bool| -> Vec<usize> {
        (0..recordings.len()).filter(|&number| wanted(&recordings[number].kind)).collect()
    };
    let short = of(|kind| *kind == Kind::Short);
    let long = of(|kind| *kind == Kind::Long);
    let broken = of(|kind| matches!(kind, Kind::Broken(_)));
    let poison = of(|kind| *kind == Kind::Poison);
    let has_poison = dice.percent(40);
    let mut submissions = Vec::with_capacity(SUBMISSIONS);
    for number in 0..SUBMISSIONS {
        let chance = dice.below(100);
        let recording = match number {
            0 if has_poison => *dice.pick(&poison),
            _ if chance < 60 => *dice.pick(&short),
            _ if chance < 82 => *dice.pick(&long),
            _ => *dice.pick(&broken),
        };
        let at = dice.millis(0, if recording == poison[0] { 2_000 } else { LOAD_MS });
        let lane = if dice.percent(60) { "interactive" } else { "batch" };
        let then = then(dice, recordings[recording].kind, can_retry);
        let (workspace, gateway) = (dice.below(workspaces), dice.below(2));
        submissions.push(Submission { at, recording, workspace, gateway, lane, then });
    }
    submissions
}

fn then(dice: &mut Dice, kind: Kind, can_retry: bool) -> Then {
    let after = dice.millis(0, 6_000);
    match (dice.below(100), kind) {
        (_, Kind::Poison) => Then::Nothing,
        (0..12, _) => Then::Cancel(after),
        (12..20, Kind::Short | Kind::Long) if can_retry => Then::CancelAndRetry(after),
        (12..40, Kind::Broken(_)) if can_retry => Then::RetryOnceFailed,
        (40..50, Kind::Long) => Then::Stall,
        _ => Then::Nothing,
    }
}

/// Sends everything at its time, and ends when all clients are done.
pub(crate) async fn run(world: &Arc<World>, submissions: Vec<Submission>) {
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for submission in submissions {
        let world = world.clone();
        clients.spawn(async move {
            sleep_until(begun + submission.at).await;
            world.serve(&submission).await;
        });
    }
    clients.join_all().await;
}

impl World {
    async fn serve(&self, submission: &Submission) {
        let Some((number, job)) = self.submit(submission).await else { return };
        let caller = &self.stack.callers[submission.workspace];
        match submission.then {
            Then::Nothing => {}
            Then::Cancel(after) => {
                sleep(after).await;
                self.cancel(submission, number, job).await;
            }
            Then::CancelAndRetry(after) => {
                sleep(after).await;
                if self.cancel(submission, number, job).await {
                    sleep(TRY_AGAIN).await;
                    self.retry(submission, number, job).await;
                }
            }
            Then::RetryOnceFailed => {
                for _ in 0..LOOKS {
                    let answer = caller.job(submission.gateway, job).await;
                    if matches!(&answer, Answer::Said { body, .. } if body["state"] == "failed") {
                        return self.retry(submission, number, job).await;
                    }
                    sleep(TRY_AGAIN / 8).await;
                }
            }
            Then::Stall => {
                let opened = caller.events(submission.gateway, job).send().await;
                sleep(STALLED).await;
                drop(opened);
            }
        }
    }

    /// Sends a recording until it is accepted, as a sensible client does. Each try is a submission of its own.
    async fn submit(&self, submission: &Submission) -> Option<(usize, JobId)> {
        let recording = &self.recordings[submission.recording];
        let caller = &self.stack.callers[submission.workspace];
        for nth in 0..TRIES {
            let name = format!("{}-{nth}-{}", JobId::new(), recording.name);
            let number = self.ledger.enter(name.clone(), submission.recording, submission.workspace);
            let answer = caller.submit(submission.gateway + nth, recording, &name, submission.lane).await;
            match answer {
                Answer::Said { status: 202, body } => match body["id"].as_str().map(str::parse) {
                    Some(Ok(id)) => {
                        self.ledger.note(number, |entry| entry.outcome = Outcome::Accepted(id));
                        return Some((number, id));
                    }
                    _ => self.complain(format!("{name} was accepted without an id: {body}")),
                },
                Answer::Said { status, body } => self.refused(number, status, &body),
                Answer::Nothing(_) => {}
            }
            sleep(TRY_AGAIN).await;
        }
        None
    }

    fn refused(&self, number: usize, status: u16, body: &Value) {
        self.ledger.note(number, |entry| entry.outcome = Outcome::Refused(status));
        // These say that it may work later.
        if !matches!(status, 503 | 507) {
            self.complain(format!("a submission was answered {status}: {body}"));
        }
    }

    /// Whether the job was surely canceled.
    async fn cancel(&self, submission: &Submission, number: usize, job: JobId) -> bool {
        self.ledger.note(number, |entry| entry.cancel = Cancel::Perhaps);
        let caller = &self.stack.callers[submission.workspace];
        for nth in 0..TRIES {
            match caller.cancel(submission.gateway + nth, job).await.status() {
                Some(200) => {
                    self.ledger.note(number, |entry| entry.cancel = Cancel::Surely);
                    return true;
                }
                // It is over already; whether by an earlier try is not known.
                Some(409) if nth == 0 => {
                    self.ledger.note(number, |entry| entry.cancel = Cancel::Never);
                    return false;
                }
                Some(409) => return false,
                Some(503) | None => sleep(TRY_AGAIN).await,
                Some(status) => {
                    self.complain(format!("canceling {job} was answered {status}"));
                    return false;
                }
            }
        }
        false
    }

    async fn retry(&self, submission: &Submission, number: usize, job: JobId) {
        let caller = &self.stack.callers[submission.workspace];
        for nth in 0..TRIES {
            // Counted before it is known: a request without an answer may have worked.
            self.ledger.note(number, |entry| entry.retries += 1);
            match caller.retry(submission.gateway + nth, job).await.status() {
                Some(200 | 202) => {
                    return self.ledger.note(number, |entry| entry.cancel = Cancel::Never);
                }
                Some(409) => return self.ledger.note(number, |entry| entry.cancel = entry.cancel.doubted()),
                Some(503) | None => {
                    self.ledger.note(number, |entry| entry.cancel = entry.cancel.doubted());
                    sleep(TRY_AGAIN).await;
                }
                Some(status) => return self.complain(format!("running {job} again was answered {status}")),
            }
        }
    }
}
