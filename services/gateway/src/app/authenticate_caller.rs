//! Whose API key is this?

use escriba_database::{
    DatabaseError,
    api_keys::{self, Caller},
    within_reason,
};
use rand::{TryRng, rngs::SysRng};
use sha2::{Digest, Sha256};

use super::App;

/// Every key begins so, which lets people and secret scanners recognise one.
const PREFIX: &str = "esc_";
/// 160 random bits.
const RANDOM_BYTES: usize = 20;

#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    #[error("The API key is unknown, expired or revoked. Send a valid one as `Authorization: Bearer esc_…`.")]
    Unknown,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The key's id, and the workspace it speaks for.
pub async fn authenticate_caller(app: &App, key: &str) -> Result<Caller, AuthenticateError> {
    if !key.starts_with(PREFIX) {
        return Err(AuthenticateError::Unknown);
    }
    let caller = within_reason(api_keys::find_valid(&app.db, hash(key))).await?;
    caller.ok_or(AuthenticateError::Unknown)
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
