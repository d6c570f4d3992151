//! One decoding child started ahead of time. Loading FFmpeg's libraries takes a child longer than decoding a short clip
//! does, so a spare one stands ready, jailed and waiting, and is handed a recording the moment there is one. A child
//! decodes one recording and ends; the next spare is started once the recording's own work is under way, so that it
//! does not compete for the processor before that.
//!
//! A child dies with the *thread* that started it (`PR_SET_PDEATHSIG`), not with the process. Recordings come on
//! threads that end, and the moment for the next spare is seen on yet others, so all children are started by one
//! thread that does nothing else and lives until the pool and all of its decoders are gone.

use std::{
    env,
    fs::File,
    io,
    ops::ControlFlow,
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        Once,
        mpsc::{self, Receiver, Sender, SyncSender},
    },
    thread,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::media::{
    decoder::{DecodeError, Decoder},
    jail::{Wall, Walls},
    request::{self, DecodeRequest},
};

/// A child that has closed its output is about to end; one that is not by then is killed.
const TIME_TO_END: Duration = Duration::from_secs(1);

/// How to run the child.
#[derive(Debug, Clone)]
pub struct DecodeCommand {
    /// A binary whose `decode` command is [`super::decode_child::main`].
    pub program: PathBuf,
    /// A child that says nothing for this long is killed.
    pub patience: Duration,
}

impl Default for DecodeCommand {
    fn default() -> Self {
        // Not `current_exe`: a binary replaced during a deployment would start children of another version.
        Self { program: PathBuf::from("/proc/self/exe"), patience: Duration::from_mins(1) }
    }
}

/// Starts decoders, and keeps one child ahead. Shared by all who decode; dropped, it ends and reaps its spare.
#[derive(Debug)]
pub struct DecoderPool {
    orders: Sender<Order>,
    patience: Duration,
    walls_told: Once,
}

impl DecoderPool {
    /// Starts the thread that starts children, which starts the first of them.
    pub fn start(command: DecodeCommand) -> io::Result<Self> {
        let (orders, taken) = mpsc::channel();
        let patience = command.patience;
        thread::Builder::new().name("decoders".to_owned()).spawn(move || keep_one_ready(&command, &taken))?;
        Ok(Self { orders, patience, walls_told: Once::new() })
    }

    /// Hands `file` to a child and waits until it has opened the recording. The two share the open file's position, so
    /// nobody else may read from it meanwhile.
    pub fn decode(&self, file: &File, request: &DecodeRequest) -> Result<Decoder, DecodeError> {
        self.decode_watched(file, request, |_| ControlFlow::Continue(()))
    }

    /// As [`DecoderPool::decode`]. While channels are compared, which takes a first reading of the recording, `watch`
    /// is called about once a second with how much of it is done, of 100; its `Break` gives the recording up.
    pub fn decode_watched(
        &self,
        file: &File,
        request: &DecodeRequest,
        mut watch: impl FnMut(u8) -> ControlFlow<()>,
    ) -> Result<Decoder, DecodeError> {
        // A spare can die while it waits, and that is nobody's business. A second child has only just been started.
        let begun = match self.begin(file, request) {
            Err(DecodeError::Unready { .. }) => self.begin(file, request),
            begun => begun,
        };
        let mut decoder = begun?;
        self.walls_told.call_once(|| tell(decoder.walls()));
        decoder.open(&mut watch)?;
        Ok(decoder)
    }

    fn begin(&self, file: &File, request: &DecodeRequest) -> Result<Decoder, DecodeError> {
        let (child, waiting) = mpsc::sync_channel(1);
        self.orders.send(Order::Hand(child)).map_err(|_| gone())?;
        let Spare { mut process, socket, pipe } = waiting.recv().map_err(|_| gone())??;
        if request::send(socket, file.as_fd(), request).is_err() {
            return Err(DecodeError::Unready { status: process.end()? });
        }
        let next = Replenish { orders: self.orders.clone(), is_due: true };
        Decoder::begin(process, pipe, self.patience, next)
    }
}

impl Drop for DecoderPool {
    fn drop(&mut self) {
        let (closed, waiting) = mpsc::sync_channel(1);
        if self.orders.send(Order::Close(closed)).is_ok() {
            // The thread answers once the spare is reaped, or has gone already.
            let _ = waiting.recv();
        }
    }
}

fn tell(walls: Walls) {
    let Walls { landlock, seccomp } = walls;
    if (landlock, seccomp) == (Wall::Whole, Wall::Whole) {
        tracing::info!("decoders are confined by Landlock and seccomp");
    } else {
        tracing::warn!(
            ?landlock,
            ?seccomp,
            "this kernel cannot confine decoders fully: a recording that takes one over is held back by less"
        );
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that starts decoders has ended")
}

/// What the thread that starts children is asked for.
#[derive(Debug)]
enum Order {
    /// A child to hand a recording to.
    Hand(SyncSender<io::Result<Spare>>),
    /// A spare, if there is none.
    Replenish,
    /// No spare any more.
    Close(SyncSender<()>),
}

/// A decoder's word to the thread that started its child, and its hold on that thread's life.
#[derive(Debug)]
pub(super) struct Replenish {
    orders: Sender<Order>,
    is_due: bool,
}

impl Replenish {
    /// Has a new spare started, the first time.
    pub(super) fn now(&mut self) {
        if std::mem::take(&mut self.is_due) {
            // A thread that has ended starts nothing any more.
            let _ = self.orders.send(Order::Replenish);
        }
    }
}

impl Drop for Replenish {
    fn drop(&mut self) {
        self.now();
    }
}

fn keep_one_ready(command: &DecodeCommand, orders: &Receiver<Order>) {
    let mut spare = command.spawn().ok();
    let mut is_open = true;
    for order in orders {
        match order {
            Order::Hand(answer) => {
                let waiting = spare.take_if(Spare::is_alive);
                spare = None;
                // Whoever asked may have gone; the child then goes too.
                let _ = answer.send(waiting.map_or_else(|| command.spawn(), Ok));
            }
            Order::Replenish if is_open && spare.is_none() => spare = command.spawn().ok(),
            Order::Replenish => {}
            Order::Close(answer) => {
                is_open = false;
                spare = None;
                let _ = answer.send(());
            }
        }
    }
}

impl DecodeCommand {
    fn spawn(&self) -> io::Result<Spare> {
        let (socket, theirs) = request::channel()?;
        let mut command = Command::new(&self.program);
        command.arg("decode").env_clear().current_dir("/").stdin(theirs).stdout(Stdio::piped());
        // Without it the child would not start where FFmpeg's libraries lie in a folder of their own.
        if let Some(libraries) = env::var_os("LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let mut child = command.spawn()?;
        let pipe = child.stdout.take();
        let process = Process(child);
        let pipe = pipe.ok_or_else(|| io::Error::other("the decoder has no standard output"))?;
        Ok(Spare { process, socket, pipe })
    }
}

/// A child that waits for a recording.
#[derive(Debug)]
struct Spare {
    process: Process,
    socket: OwnedFd,
    pipe: ChildStdout,
}

impl Spare {
    fn is_alive(&mut self) -> bool {
        matches!(self.process.0.try_wait(), Ok(None))
    }
}

/// A child's process. Dropped, it is killed and reaped.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it ended. One that only pretends to end is killed.
    pub(super) fn end(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.0.try_wait()? {
            return Ok(status);
        }
        let process = pidfd_open(Pid::from_child(&self.0), PidfdFlags::empty())?;
        let patience = Timespec::try_from(TIME_TO_END).map_err(io::Error::other)?;
        // Interrupted or timed out, it is killed all the same, which changes nothing for one that has ended.
        let _ = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&patience));
        self.0.kill()?;
        self.0.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a child that has been reaped already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
