//! Encrypts kept answers with the key that their sender gave (ChaCha20-Poly1305, RFC 8439). The database has the key's
//! hash, to find the answer by, and nothing that opens it.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use chacha20poly1305::{
    ChaCha20Poly1305, Key, Nonce,
    aead::{Aead, KeyInit},
};
use rand::{TryRng, rngs::SysRng};
use sha2::{Digest, Sha256};

const NONCE_BYTES: usize = 12;

/// What closes and opens the answers under one key.
#[derive(Clone)]
pub(super) struct Seal {
    name: String,
    cipher: ChaCha20Poly1305,
}

impl Seal {
    pub(super) fn of(key: &str) -> Self {
        let hash =
            |purpose: &str| -> [u8; 32] { Sha256::new().chain_update(purpose).chain_update(key).finalize().into() };
        let cipher = ChaCha20Poly1305::new(&Key::from(hash("escriba idempotency seal ")));
        Self { name: hex::encode(hash("escriba idempotency name ")), cipher }
    }

    /// What the database knows the key by.
    pub(super) fn name(&self) -> String {
        self.name.clone()
    }

    /// `None` if the system has no random numbers.
    pub(super) fn close(&self, text: &str) -> Option<String> {
        let mut nonce = [0_u8; NONCE_BYTES];
        SysRng.try_fill_bytes(&mut nonce).ok()?;
        let closed = self.cipher.encrypt(&Nonce::from(nonce), text.as_bytes()).ok()?;
        Some(STANDARD_NO_PAD.encode([&nonce[..], &closed].concat()))
    }

    /// `None` if it was closed with another key, or is not whole.
    pub(super) fn open(&self, closed: &str) -> Option<String> {
        let bytes = STANDARD_NO_PAD.decode(closed).ok()?;
        let (nonce, closed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let text = self.cipher.decrypt(&Nonce::from(*nonce), closed).ok()?;
        String::from_utf8(text).ok()
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_closed_is_opened_with_its_key_alone() {
        let seal = Seal::of("one");
        let closed = seal.close("{\"secret\":\"esc_1\"}").unwrap();
        assert!(!closed.contains("esc_1"));
        assert_eq!(Seal::of("one").open(&closed).as_deref(), Some("{\"secret\":\"esc_1\"}"));
        assert_ne!(seal.close("x"), seal.close("x"));
        assert_eq!(Seal::of("two").open(&closed), None);
        assert_eq!(seal.open(&closed[..closed.len() - 4]), None);
        assert_eq!(seal.open(""), None);
        assert!(!format!("{seal:?}").contains("cipher"));
        assert_ne!(seal.name(), Seal::of("two").name());
    }
}
