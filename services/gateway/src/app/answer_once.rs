//! A request that creates something takes effect once, however often it is sent: its sender gives it a key, and the
//! first answer that created something is the answer to every request with that key, for a day. A failed attempt does
//! not use the key up.
//!
//! What is kept can be read with the sender's key alone, which is not kept: an answer may hold a secret.
//!
//! A use case takes part by calling [`Once::keep`] in the transaction that creates: then what is created, and the
//! answer that tells of it, commit together or not at all.

use std::{
    str::FromStr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use escriba_database::{
    Database, DatabaseError, Transaction,
    idempotency::{self, Attempt, Kept, Reserved},
    within_reason,
};
use escriba_domain::{ErrorKind, WorkspaceId};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

mod seal;

use self::seal::Seal;
use super::{
    App,
    renewing::{HOLD, renewing},
};

const KEPT_FOR: Duration = Duration::from_hours(24);
const MAX_KEY_CHARS: usize = 255;

#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    #[error("An `Idempotency-Key` has 1 to {MAX_KEY_CHARS} visible ASCII characters. A UUID is a good one.")]
    KeyInvalid,
    #[error(
        "This `Idempotency-Key` was used for another request within the last day. Take a new one for this request."
    )]
    Reused,
    #[error("The request with this `Idempotency-Key` is still being worked on. Send it again in a few seconds.")]
    InProgress,
    #[error("a kept answer cannot be read")]
    Garbled,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl OnceError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::KeyInvalid | Self::Reused => ErrorKind::Invalid,
            Self::InProgress => ErrorKind::Conflict,
            Self::Garbled => ErrorKind::Internal,
            Self::Database(error) => error.kind(),
        }
    }
}

/// What a sender calls its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl FromStr for IdempotencyKey {
    type Err = OnceError;

    fn from_str(text: &str) -> Result<Self, OnceError> {
        let legal = (1..=MAX_KEY_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if legal { Ok(Self(text.to_owned())) } else { Err(OnceError::KeyInvalid) }
    }
}

/// Tells whether two requests ask for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of an operation and all that is asked of it.
    pub fn of(operation: &str, asked: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for piece in [operation.as_bytes()].iter().chain(asked) {
            // With its length, so that no two lists of pieces read the same.
            hash.update((piece.len() as u64).to_be_bytes());
            hash.update(piece);
        }
        Self(hash.finalize().into())
    }
}

/// An answer that tells of something created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Where to find what was created.
    pub location: Option<String>,
    /// JSON, or nothing.
    pub body: String,
}

/// How a request with or without a key begins.
#[derive(Debug)]
pub enum Begun {
    First(Once),
    Again(Earlier),
}

/// The answer that a request with the same key was given.
#[derive(Debug)]
pub struct Earlier(Kept, Seal);

impl Earlier {
    /// The answer again, if the request is the same too.
    pub fn answer(self, request: Fingerprint) -> Result<Answer, OnceError> {
        let Self(Kept { fingerprint, status, location, body }, seal) = self;
        if fingerprint != request.0 {
            return Err(OnceError::Reused);
        }
        let body = seal.open(&body).ok_or(OnceError::Garbled)?;
        Ok(Answer { status, location, body })
    }
}

/// Permission to take effect, and how the answer is kept. All clones are the same one.
#[derive(Debug, Clone)]
pub struct Once(Option<Arc<Reservation>>);

/// A key that is held. Dropped, it is free for another attempt, unless it is answered.
#[derive(Debug)]
struct Reservation {
    db: Database,
    attempt: Attempt,
    seal: Seal,
    request: OnceLock<Fingerprint>,
    ended: AtomicBool,
    _renewing: AbortOnDropHandle<()>,
}

/// A request without a key always begins as the first.
pub async fn begin(app: &App, workspace: WorkspaceId, key: Option<IdempotencyKey>) -> Result<Begun, OnceError> {
    let Some(IdempotencyKey(key)) = key else { return Ok(Begun::First(Once(None))) };
    let seal = Seal::of(&key);
    let attempt = Attempt { workspace, key: seal.name(), holder: Uuid::now_v7() };
    match within_reason(idempotency::reserve(&app.db, &attempt, HOLD)).await? {
        Reserved::InProgress => Err(OnceError::InProgress),
        Reserved::Answered(kept) => Ok(Begun::Again(Earlier(kept, seal))),
        Reserved::Taken => {
            let renewed = (app.db.clone(), attempt.clone());
            let renewing = renewing(move || {
                let (db, attempt) = renewed.clone();
                async move { idempotency::renew(&db, &attempt, HOLD).await }
            });
            let reservation = Reservation {
                db: app.db.clone(),
                attempt,
                seal,
                request: OnceLock::new(),
                ended: AtomicBool::new(false),
                _renewing: renewing,
            };
            Ok(Begun::First(Once(Some(Arc::new(reservation)))))
        }
    }
}

impl Once {
    /// Whether the sender gave a key, and may therefore ask for the answer again.
    pub const fn has_key(&self) -> bool {
        self.0.is_some()
    }

    /// Says what the request is, before its answer is kept.
    pub fn identify(&self, request: Fingerprint) {
        if let Some(reservation) = &self.0 {
            reservation.request.get_or_init(|| request);
        }
    }

    /// Keeps the answer, in the transaction that creates what it tells of. When this fails, the transaction must not
    /// be committed.
    pub async fn keep(&self, tx: &Transaction, answer: &Answer) -> Result<(), OnceError> {
        let Some(Reservation { attempt, seal, request, .. }) = self.0.as_deref() else { return Ok(()) };
        let kept = Kept {
            fingerprint: request.get().map_or([0; 32], |request| request.0),
            status: answer.status,
            location: answer.location.clone(),
            body: seal.close(&answer.body).ok_or(OnceError::Garbled)?,
        };
        if idempotency::keep(tx, attempt, &kept, KEPT_FOR).await? { Ok(()) } else { Err(OnceError::InProgress) }
    }

    /// The answer is committed.
    pub fn settle(&self) {
        if let Some(reservation) = &self.0 {
            reservation.ended.store(true, Ordering::Relaxed);
        }
    }

    /// The attempt has failed. The next one need not wait until this one's hold runs out.
    pub async fn release(&self) {
        let Some(reservation) = &self.0 else { return };
        if !reservation.ended.swap(true, Ordering::Relaxed) {
            give_back(&reservation.db, &reservation.attempt).await;
        }
    }
}

impl Drop for Reservation {
    /// The request was given up, by its sender or by us.
    fn drop(&mut self) {
        if *self.ended.get_mut() {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            let (db, attempt) = (self.db.clone(), self.attempt.clone());
            runtime.spawn(async move { give_back(&db, &attempt).await });
        }
    }
}

/// Has no effect on a key that is answered, as one is whose commit went through unheard.
async fn give_back(db: &Database, attempt: &Attempt) {
    if let Err(error) = within_reason(idempotency::release(db, attempt)).await {
        tracing::warn!(%error, "an idempotency key is held until its time runs out");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_visible_ascii_of_some_length() {
        let longest = "k".repeat(MAX_KEY_CHARS);
        for key in ["1", "019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f", "\"quoted\"", &longest] {
            assert!(key.parse::<IdempotencyKey>().is_ok(), "{key}");
        }
        for key in ["", "two words", "año", "tab\there", &format!("{longest}k")] {
            assert!(matches!(key.parse::<IdempotencyKey>(), Err(OnceError::KeyInvalid)), "{key}");
        }
    }

    #[test]
    fn requests_that_differ_have_fingerprints_that_differ() {
        let of = |pieces: &[&[u8]]| Fingerprint::of("createJob", pieces);
        assert_eq!(of(&[b"lane", b"batch"]), of(&[b"lane", b"batch"]));
        for other in
            [of(&[b"lanebatch"]), of(&[b"lan", b"ebatch"]), of(&[]), Fingerprint::of("other", &[b"lane", b"batch"])]
        {
            assert_ne!(of(&[b"lane", b"batch"]), other);
        }
    }
}
