//! A program of the stack as a process that can be killed, frozen, told to stop, and started again as it was. What dies
//! by itself is started again, as an orchestrator would do it.

use std::{
    ffi::OsString,
    fs::OpenOptions,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    sync::Mutex,
    time::{Instant, timeout},
};

/// A process that ends by itself is started again after this long.
const START_AGAIN: Duration = Duration::from_millis(500);

/// How a program is started.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) settings: Vec<(&'static str, OsString)>,
    pub(crate) log: PathBuf,
    /// The user it runs as, where that is not our own.
    pub(crate) user: Option<&'static str>,
}

/// A process shared by those who break it and those who mend it. Who holds its lock decides about it.
pub(crate) type Shared = Arc<Mutex<Process>>;

#[derive(Debug)]
pub(crate) struct Process {
    plan: Plan,
    child: Option<Child>,
    ended: Option<Instant>,
    /// How it ended each time that nobody here ended it.
    pub(crate) deaths: Vec<ExitStatus>,
}

impl Process {
    pub(crate) fn new(plan: Plan) -> Shared {
        Arc::new(Mutex::new(Self { plan, child: None, ended: None, deaths: Vec::new() }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.plan.name
    }

    /// Starts it, unless it runs. Its environment holds a search path and its settings, nothing of ours.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        let plan = &self.plan;
        let log = OpenOptions::new().create(true).append(true).open(&plan.log)?;
        // The kernel ends it with us; setpriv becomes the program, so the process has the same id throughout.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(user) = plan.user {
            command.args(["--reuid", user, "--regid", user, "--init-groups"]);
        }
        command.arg("--").arg(&plan.program).args(&plan.arguments).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs(plan.settings.iter().cloned());
        command.current_dir("/").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn().with_context(|| format!("{} cannot be started", plan.name))?);
        self.ended = None;
        Ok(())
    }

    /// Starts it again if it has ended by itself.
    fn look_after(&mut self) -> anyhow::Result<()> {
        if let Some(child) = &mut self.child
            && let Some(status) = child.try_wait()?
        {
            self.deaths.push(status);
            self.child = None;
            self.ended = Some(Instant::now());
        }
        if self.ended.is_some_and(|ended| ended.elapsed() >= START_AGAIN) { self.start() } else { Ok(()) }
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Sends it a signal; one that has ended does not mind.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(Child::id).and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid {
            kill_process(pid, signal).ok();
        }
    }

    /// As `kill -9` does it: without a chance to save anything.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.end(Signal::KILL, Duration::from_secs(10)).await?;
        Ok(())
    }

    /// Tells it to stop. False if it does not within patience, or ends with an error. One that has only just started
    /// does not listen to signals yet, has taken nothing, and may end by this one.
    pub(crate) async fn stop(&mut self, patience: Duration) -> anyhow::Result<bool> {
        let status = self.end(Signal::TERM, patience).await?;
        Ok(status.is_some_and(|status| status.success() || status.signal() == Some(Signal::TERM.as_raw())))
    }

    /// Ends it by a signal, and by force when patience runs out: then the answer is `None`.
    pub(crate) async fn end(&mut self, signal: Signal, patience: Duration) -> anyhow::Result<Option<ExitStatus>> {
        self.signal(signal);
        self.ended = None;
        let Some(mut child) = self.child.take() else { return Ok(None) };
        if let Ok(status) = timeout(patience, child.wait()).await {
            return Ok(Some(status?));
        }
        child.kill().await?;
        Ok(None)
    }
}

/// Keeps these processes alive for as long as it is polled. One whose lock is held is being broken on purpose.
pub(crate) async fn supervise(processes: Vec<Shared>) {
    loop {
        for process in &processes {
            if let Ok(mut process) = process.try_lock()
                && let Err(error) = process.look_after()
            {
                eprintln!("{}: {error:#}", process.name());
            }
        }
        tokio::time::sleep(START_AGAIN / 2).await;
    }
}
