//! Keeps one service running: started again when it ends by itself, ended when asked. It must not know what the
//! service does, nor in which order services go.

use std::{sync::Arc, time::Duration};

use tokio::{
    process::Child,
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;

use super::{
    log::StackLog,
    process::{self, Ending},
    services::Service,
};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A service that ran this long was healthy, so its next end is a new story.
const HEALTHY: Duration = Duration::from_secs(30);

/// A service that is kept running until [`Supervised::stop`].
#[derive(Debug)]
pub(crate) struct Supervised {
    name: &'static str,
    falls: watch::Receiver<u32>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Supervised {
    /// `kill` ends the service without grace once it is stopping.
    pub(crate) fn start(service: Service, log: Arc<StackLog>, kill: CancellationToken) -> Self {
        let (counter, falls) = watch::channel(0);
        let stop = CancellationToken::new();
        let name = service.name;
        let keeper = Keeper { service, log, counter, stop: stop.clone(), kill };
        Self { name, falls, stop, task: tokio::spawn(keeper.run()) }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// How often the service has ended by itself.
    pub(crate) fn falls(&self) -> watch::Receiver<u32> {
        self.falls.clone()
    }

    /// Returns when the process and all it started are gone.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        // It fails only if the keeper panicked, and then the child was killed with it.
        let _ = self.task.await;
    }
}

struct Keeper {
    service: Service,
    log: Arc<StackLog>,
    counter: watch::Sender<u32>,
    stop: CancellationToken,
    kill: CancellationToken,
}

impl Keeper {
    async fn run(self) {
        let mut pauses = Pauses::default();
        while !self.stop.is_cancelled() {
            let started = Instant::now();
            let Some(what_happened) = self.live_once().await else {
                return;
            };
            self.counter.send_modify(|falls| *falls += 1);
            let pause = pauses.after(started.elapsed());
            let name = self.service.name;
            self.log.notice(&format!("{name} {what_happened}; starting it again in {} s.", pause.as_secs_f32()));
            tokio::select! {
                () = time::sleep(pause) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// One life of the process. `None` when it ended because it was asked to.
    async fn live_once(&self) -> Option<String> {
        let mut child = match process::spawn(&self.service) {
            Ok(child) => child,
            Err(error) => return Some(format!("could not be started ({error})")),
        };
        let mut output = self.collect_output(&mut child);
        let group = process::group_of(&child);
        let outcome = tokio::select! {
            ended = child.wait() => Some(ended.map_or_else(|error| error.to_string(), |status| status.to_string())),
            () = self.stop.cancelled() => None,
        };
        match outcome {
            Some(_) => group.into_iter().for_each(process::clear_group),
            None => self.end(&mut child).await,
        }
        // The pipes close once the whole group is gone; the last lines are often the ones that explain.
        while output.join_next().await.is_some() {}
        outcome.map(|status| format!("ended unexpectedly ({status})"))
    }

    async fn end(&self, child: &mut Child) {
        let trouble = match process::end(child, &self.kill).await {
            Ok(Ending::Clean) => return,
            Ok(Ending::Killed) => "did not end by itself and was killed".to_owned(),
            Err(error) => format!("could not be ended: {error}"),
        };
        self.log.notice(&format!("{} {trouble}.", self.service.name));
    }

    fn collect_output(&self, child: &mut Child) -> JoinSet<()> {
        let mut readers = JoinSet::new();
        let name = self.service.name;
        if let Some(stdout) = child.stdout.take() {
            let log = Arc::clone(&self.log);
            readers.spawn(async move { log.follow(name, stdout).await });
        }
        if let Some(stderr) = child.stderr.take() {
            let log = Arc::clone(&self.log);
            readers.spawn(async move { log.follow(name, stderr).await });
        }
        readers
    }
}

/// How long to wait before the next start: ever longer while a service falls again and again.
#[derive(Debug, Default)]
struct Pauses {
    last: Option<Duration>,
}

impl Pauses {
    /// `lived`: how long the service ran before it ended.
    fn after(&mut self, lived: Duration) -> Duration {
        let pause = match self.last {
            Some(last) if lived < HEALTHY => (last * 2).min(LONGEST_PAUSE),
            _ => FIRST_PAUSE,
        };
        self.last = Some(pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_start_over_after_a_healthy_life() {
        let mut pauses = Pauses::default();
        let at_once = Duration::from_millis(20);
        let seconds: Vec<_> = (0..7).map(|_| pauses.after(at_once).as_secs_f32()).collect();
        assert_eq!(seconds, [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]);
        assert_eq!(pauses.after(HEALTHY), FIRST_PAUSE);
        assert_eq!(pauses.after(at_once), FIRST_PAUSE * 2);
    }
}
