//! Where work comes out: one tap for each lane and model. All are asked in the order of their urgency, and when there
//! is nothing, all are waited at together.
//!
//! A message must not be abandoned half-way: one that arrived where nobody reads any more would be lost until its
//! acknowledgement wait is over. So each tap has one inbox for its whole life, a pull is no more than a request into
//! it, and what comes out while no slot is free, or of a pull that was long given up, is given back at once.
//!
//! async-nats 0.51, and why its `batch()` is not used: with an idle heartbeat it can hang for ever, so none is asked
//! for here either; and it stops reading its inbox after some time, or when it is dropped, whatever is on the way.

use std::{task::Poll, time::Duration};

use async_nats::{
    StatusCode, Subscriber,
    jetstream::{
        AckKind, Message,
        consumer::{Consumer, pull},
    },
};
use escriba_domain::{Lane, ModelName};
use futures_util::{FutureExt, StreamExt, future::poll_fn};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use crate::{Messaging, MessagingError};

/// How long a pull waits at the server. Short, because one that the server forgot is found out after this.
const WAIT: Duration = Duration::from_secs(5);
/// How long an answer may take beyond that.
const ANSWER: Duration = Duration::from_secs(2);
/// How long the end may wait for what is still on the way.
const LAST_ONES: Duration = Duration::from_secs(1);
/// Of ten takes, two look at the batch first, so that it moves while there is always somebody waiting.
const BATCH_FIRST_EVERY: u32 = 5;

/// All taps of a worker.
pub(super) struct Taps {
    messaging: Messaging,
    connects: watch::Receiver<u64>,
    /// The interactive ones first; within a lane in the order of the models.
    all: Vec<Tap>,
    takes: u32,
}

struct Tap {
    lane: Lane,
    model: ModelName,
    /// Unknown until it was declared, and after trouble.
    consumer: Option<Consumer<pull::Config>>,
    inbox: String,
    answers: Subscriber,
    /// The pull that is out: its number, and when it should have been answered.
    pull: Option<(u64, Instant)>,
    pulls: u64,
}

impl Taps {
    pub(super) async fn new(messaging: &Messaging, models: &[ModelName]) -> Result<Self, MessagingError> {
        let mut all = Vec::with_capacity(2 * models.len());
        for lane in [Lane::Interactive, Lane::Batch] {
            for model in models {
                let inbox = messaging.client.new_inbox();
                let subscribed = messaging.client.subscribe(format!("{inbox}.*")).await;
                let answers = subscribed.map_err(|_| MessagingError::Disconnected)?;
                all.push(Tap { lane, model: model.clone(), consumer: None, inbox, answers, pull: None, pulls: 0 });
            }
        }
        Ok(Self { messaging: messaging.clone(), connects: messaging.connects(), all, takes: 0 })
    }

    /// The next work item, however long that takes. After an error it can be called again; dropping it loses nothing.
    pub(super) async fn take(&mut self) -> Result<Message, MessagingError> {
        let taken = self.take_next().await;
        match &taken {
            Ok(_) => self.takes = self.takes.wrapping_add(1),
            Err(_) => self.forget(),
        }
        taken
    }

    async fn take_next(&mut self) -> Result<Message, MessagingError> {
        if self.connects.has_changed().unwrap_or_default() {
            self.forget();
        }
        self.open().await?;
        while let Some(come) = self.next().now_or_never() {
            if let Some(message) = self.read(come)? {
                return Ok(message);
            }
        }
        for nth in self.order() {
            if let Some(message) = self.look(nth).await? {
                return Ok(message);
            }
        }
        self.wait().await
    }

    /// Waits for something else, and gives back what comes out meanwhile.
    pub(super) async fn refuse_until<T>(&mut self, done: impl Future<Output = T>) -> T {
        tokio::pin!(done);
        loop {
            tokio::select! {
                biased;
                done = &mut done => return done,
                come = self.next() => match self.read(come) {
                    Ok(Some(message)) => give_back(&message).await,
                    Ok(None) => {}
                    Err(MessagingError::Disconnected) => return done.await,
                    // The next take begins anew.
                    Err(_) => self.forget(),
                },
            }
        }
    }

    /// Takes no more, and gives back what was on the way.
    pub(super) async fn close(mut self) {
        for tap in &mut self.all {
            tap.answers.drain().await.ok();
        }
        let rest = async {
            for tap in &mut self.all {
                while let Some(answer) = tap.answers.next().await {
                    if is_work(&answer) {
                        give_back(&Message { message: answer, context: self.messaging.jetstream.clone() }).await;
                    }
                }
            }
        };
        if timeout(LAST_ONES, rest).await.is_err() {
            tracing::debug!("NATS is away; work that was on the way comes again after its acknowledgement wait");
        }
    }

    /// Whatever was asked before is void, and the consumers may be gone.
    fn forget(&mut self) {
        self.connects.mark_unchanged();
        for tap in &mut self.all {
            tap.consumer = None;
            tap.pull = None;
        }
    }

    async fn open(&mut self) -> Result<(), MessagingError> {
        for tap in &mut self.all {
            if tap.consumer.is_none() {
                tap.consumer = Some(self.messaging.work_consumer(tap.lane, &tap.model).await?);
            }
        }
        Ok(())
    }

    /// In which order the taps are looked at this time.
    fn order(&self) -> Vec<usize> {
        let all = self.all.len();
        let first = if self.takes % BATCH_FIRST_EVERY == BATCH_FIRST_EVERY - 1 { all / 2 } else { 0 };
        (0..all).map(|nth| (first + nth) % all).collect()
    }

    /// What is there now. Where a pull is out already there was nothing, and what comes is not missed.
    async fn look(&mut self, nth: usize) -> Result<Option<Message>, MessagingError> {
        let tap = &mut self.all[nth];
        if tap.pull.is_some() {
            return Ok(None);
        }
        tap.ask(None).await?;
        while tap.pull.is_some() {
            let answer = timeout(ANSWER, tap.answers.next()).await.map_err(|_| trouble("NATS does not answer"))?;
            let answer = answer.ok_or(MessagingError::Disconnected)?;
            if let Some(message) = tap.read(answer)? {
                return Ok(Some(Message { message, context: self.messaging.jetstream.clone() }));
            }
        }
        Ok(None)
    }

    /// Waits at all taps at once.
    async fn wait(&mut self) -> Result<Message, MessagingError> {
        loop {
            for tap in self.all.iter_mut().filter(|tap| tap.pull.is_none()) {
                tap.ask(Some(WAIT)).await?;
            }
            let overdue = self.all.iter().filter_map(|tap| tap.pull).map(|(_, until)| until).min();
            let overdue = overdue.unwrap_or_else(Instant::now);
            let mut connects = self.connects.clone();
            tokio::select! {
                come = self.next() => {
                    if let Some(message) = self.read(come)? {
                        return Ok(message);
                    }
                }
                Ok(()) = connects.changed() => {
                    self.forget();
                    self.open().await?;
                }
                // The server forgot that pull, or was frozen; should it still answer, the message is read as any.
                () = sleep_until(overdue) => {
                    for tap in &mut self.all {
                        tap.pull = tap.pull.filter(|(_, until)| *until > Instant::now());
                    }
                }
            }
        }
    }

    /// What comes out of any tap, and of which.
    async fn next(&mut self) -> (usize, Option<async_nats::Message>) {
        poll_fn(|context| {
            for (nth, tap) in self.all.iter_mut().enumerate() {
                if let Poll::Ready(answer) = tap.answers.poll_next_unpin(context) {
                    return Poll::Ready((nth, answer));
                }
            }
            Poll::Pending
        })
        .await
    }

    fn read(&mut self, (nth, answer): (usize, Option<async_nats::Message>)) -> Result<Option<Message>, MessagingError> {
        let answer = answer.ok_or(MessagingError::Disconnected)?;
        let work = self.all[nth].read(answer)?;
        Ok(work.map(|message| Message { message, context: self.messaging.jetstream.clone() }))
    }
}

impl Tap {
    /// Asks for one message: one that is there now, or one that comes within the wait.
    async fn ask(&mut self, wait: Option<Duration>) -> Result<(), MessagingError> {
        let Some(consumer) = &self.consumer else { return Err(trouble("the consumer is not declared")) };
        self.pulls += 1;
        self.pull = Some((self.pulls, Instant::now() + wait.unwrap_or_default() + ANSWER));
        let pull = pull::BatchConfig { batch: 1, expires: wait, no_wait: wait.is_none(), ..Default::default() };
        let reply = format!("{}.{}", self.inbox, self.pulls);
        consumer.request_batch(pull, reply.into()).await.map_err(|error| trouble(&error.to_string()))
    }

    /// A work item, or nothing when a pull ended without one.
    fn read(&mut self, answer: async_nats::Message) -> Result<Option<async_nats::Message>, MessagingError> {
        if is_work(&answer) {
            self.pull = None;
            return Ok(Some(answer));
        }
        // What is said of a pull that was given up concerns nobody.
        let number = answer.subject.rsplit('.').next().and_then(|number| number.parse().ok());
        if self.pull.map(|(pull, _)| pull) != number {
            return Ok(None);
        }
        let description = answer.description.unwrap_or_default();
        match answer.status {
            Some(StatusCode::IDLE_HEARTBEAT) => Ok(None),
            Some(StatusCode::TIMEOUT | StatusCode::NOT_FOUND) => {
                self.pull = None;
                Ok(None)
            }
            // So much is with workers that no more is given out; a pull that waits is served when that changes.
            Some(StatusCode::REQUEST_TERMINATED) if description.contains("MaxAckPending") => {
                self.pull = None;
                Ok(None)
            }
            status => {
                let status = status.map(|status| status.to_string()).unwrap_or_default();
                Err(trouble(&format!("{status} {description}")))
            }
        }
    }
}

fn is_work(answer: &async_nats::Message) -> bool {
    answer.status.is_none_or(|status| status == StatusCode::OK)
}

/// To be delivered again at once, to somebody who has a free slot.
async fn give_back(message: &Message) {
    if let Err(error) = message.ack_with(AckKind::Nak(None)).await {
        tracing::warn!(%error, "a work item could not be given back; it comes again after its acknowledgement wait");
    }
}

fn trouble(reason: &str) -> MessagingError {
    MessagingError::JetStream { what: "give out work", reason: reason.to_owned() }
}
