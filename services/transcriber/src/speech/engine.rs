//! A loaded model and the threads that recognise with it: windows of all jobs wait in one queue, and each thread takes
//! the next. A window that is alone gets all processors; beside others each gets its share, because a pass that is
//! shared out takes longer in sum.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
    thread::{self, JoinHandle},
};

use tokio::sync::oneshot;

use super::{
    model::{Model, ModelError},
    recognizer::{RecognizeError, RecognizeOptions, Recognized},
    windower::Window,
};

/// What a thread of an engine does with a task, computing with so many threads.
type Hear = Box<dyn FnMut(&Task, usize) -> Result<Recognized, RecognizeError> + Send>;

/// Why there is no such engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("the system gave no thread: {0}")]
    Thread(#[from] io::Error),
}

/// A window that comes back with its text.
#[derive(Debug)]
pub struct Answer {
    pub window: Window,
    pub text: Result<Recognized, RecognizeError>,
}

/// Recognises for as long as it is kept.
#[derive(Debug)]
pub struct Engine {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Queue {
    tasks: Mutex<Tasks>,
    changed: Condvar,
    slots: usize,
    processors: usize,
}

#[derive(Debug, Default)]
struct Tasks {
    waiting: VecDeque<Task>,
    busy: usize,
    closed: bool,
}

#[derive(Debug)]
pub(super) struct Task {
    pub(super) window: Window,
    pub(super) options: Arc<RecognizeOptions>,
    pub(super) cancel: Arc<AtomicBool>,
    answer: oneshot::Sender<Answer>,
}

impl Engine {
    /// Makes so many recognisers, each with memory of its own, and their threads. `processors` is what they may compute
    /// with in all.
    pub fn start(model: &Model, slots: usize, processors: usize) -> Result<Self, EngineError> {
        Self::of_slots(slots, processors, || {
            let mut recognizer = model.recognizer()?;
            Ok(Box::new(move |task: &Task, threads| {
                recognizer.recognize(&task.window, &task.options, threads, &task.cancel)
            }))
        })
    }

    /// The threads of an engine, each with a slot that `slot` makes.
    pub(super) fn of_slots(
        slots: usize,
        processors: usize,
        slot: impl Fn() -> Result<Hear, EngineError>,
    ) -> Result<Self, EngineError> {
        let queue = Arc::new(Queue { tasks: Mutex::default(), changed: Condvar::new(), slots, processors });
        let mut engine = Self { queue: queue.clone(), threads: Vec::with_capacity(slots) };
        for number in 0..slots {
            let mut hear = slot()?;
            let queue = queue.clone();
            let run = move || queue.serve(&mut hear);
            engine.threads.push(thread::Builder::new().name(format!("recognize-{number}")).spawn(run)?);
        }
        Ok(engine)
    }

    /// How many windows are recognised at a time.
    pub fn slots(&self) -> usize {
        self.queue.slots
    }

    /// Recognises a window when its turn comes. `None` if the engine died of it.
    pub async fn recognize(
        &self,
        window: Window,
        options: Arc<RecognizeOptions>,
        cancel: Arc<AtomicBool>,
    ) -> Option<Answer> {
        let (answer, answered) = oneshot::channel();
        self.queue.lock().waiting.push_back(Task { window, options, cancel, answer });
        self.queue.changed.notify_one();
        answered.await.ok()
    }
}

#[cfg(feature = "simulated")]
impl Task {
    pub(super) fn is_canceled(&self) -> bool {
        self.cancel.load(std::sync::atomic::Ordering::Relaxed) || self.answer.is_closed()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that died has said so already.
            thread.join().ok();
        }
    }
}

impl Queue {
    fn serve(&self, hear: &mut Hear) {
        while let Some((task, threads)) = self.next() {
            let _busy = Busy(self);
            // Nobody waits for the window of an attempt that was given up.
            if !task.answer.is_closed() {
                let text = hear(&task, threads);
                task.answer.send(Answer { window: task.window, text }).ok();
            }
        }
    }

    /// The next task and how many threads may compute it. `None` once the engine is closed.
    fn next(&self) -> Option<(Task, usize)> {
        let mut tasks = self.lock();
        loop {
            if tasks.closed {
                return None;
            }
            if let Some(task) = tasks.waiting.pop_front() {
                tasks.busy += 1;
                let together = (tasks.busy + tasks.waiting.len()).min(self.slots);
                return Some((task, (self.processors / together).max(1)));
            }
            tasks = self.changed.wait(tasks).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The queue is sound at every step, whatever a thread died of.
    fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a thread as busy until it is dropped, by a panic too.
struct Busy<'a>(&'a Queue);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.lock().busy -= 1;
    }
}
