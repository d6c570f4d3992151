//! Whose API key is this, and may it be used for that?

use std::{sync::Arc, time::Duration};

use escriba_database::{
    DatabaseError,
    api_keys::{self, Caller},
    within_reason,
};
use escriba_domain::{ApiKeyId, ErrorKind, Scope, Scopes};
use rand::{TryRng, rngs::SysRng};
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::{App, rate_limits::Standing};

/// Every key begins so, which lets people and secret scanners recognise one.
const PREFIX: &str = "esc_";
/// 160 random bits.
const RANDOM_BYTES: usize = 20;
/// How long a stream outlives the key that opened it, at most.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    #[error("The API key is unknown, expired or revoked. Send a valid one as `Authorization: Bearer esc_…`.")]
    Unknown,
    #[error(
        "This needs an API key with the scope `{needed}`; this one has `{held}`. Use another, or make one with \
         `POST /v1/api-keys`."
    )]
    ScopeMissing { needed: Scope, held: Scopes },
    #[error("This key may send {limit} requests a minute, and has. Try again in {seconds} s.")]
    TooManyRequests { limit: u32, seconds: u64 },
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl AuthenticateError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Unknown => ErrorKind::Unauthenticated,
            Self::ScopeMissing { .. } => ErrorKind::Forbidden,
            Self::TooManyRequests { .. } => ErrorKind::TooMany,
            Self::Database(error) => error.kind(),
        }
    }
}

/// The workspace the key speaks for, and what it may be used for. A key that was revoked a moment ago opens nothing:
/// each request asks the database.
pub async fn authenticate_caller(app: &App, key: &str) -> Result<Caller, AuthenticateError> {
    if !key.starts_with(PREFIX) {
        return Err(AuthenticateError::Unknown);
    }
    let caller = within_reason(api_keys::find_valid(&app.db, hash(key))).await?.ok_or(AuthenticateError::Unknown)?;
    app.key_use.note(caller.key);
    Ok(caller)
}

/// Counts a request of the key. `None` when it may send as many as it likes.
pub fn count_request(app: &App, caller: &Caller) -> Option<Standing> {
    app.rate_limits.take(caller)
}

/// Resolves once the key opens nothing any more. For whoever came in with it and stays.
pub async fn ended(app: Arc<App>, key: ApiKeyId) {
    loop {
        sleep(LOOK_AGAIN).await;
        if let Ok(false) = api_keys::is_valid(&app.db, key).await {
            tracing::info!(%key, "what a key had opened is closed, because the key has ended");
            break;
        }
    }
}

/// Whether the key may be used for that.
pub const fn demand(caller: &Caller, needed: Scope) -> Result<(), AuthenticateError> {
    if caller.scopes.contains(needed) {
        Ok(())
    } else {
        Err(AuthenticateError::ScopeMissing { needed, held: caller.scopes })
    }
}

/// A new key, the part of it that may be shown again, and what is stored.
pub(super) struct NewKey {
    pub(super) key: String,
    pub(super) prefix: String,
    pub(super) hash: [u8; 32],
}

pub(super) fn new_key() -> std::io::Result<NewKey> {
    let mut random = [0; RANDOM_BYTES];
    SysRng.try_fill_bytes(&mut random).map_err(std::io::Error::other)?;
    let key = format!("{PREFIX}{}", hex::encode(random));
    Ok(NewKey { prefix: key[..PREFIX.len() + 8].to_owned(), hash: hash(&key), key })
}

/// The key is random and long, so a plain hash cannot be reversed by guessing.
fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_and_never_the_same() {
        let (one, other) = (new_key().unwrap(), new_key().unwrap());
        assert_eq!(one.key.len(), PREFIX.len() + 2 * RANDOM_BYTES);
        assert!(one.key.starts_with(&one.prefix));
        assert_ne!(one.key, other.key);
    }
}
