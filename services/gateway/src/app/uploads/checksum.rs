//! Whether bytes came as they were sent.

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::Sha1;
use sha2::{Digest, Sha256};

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseChecksumError {
    #[error("`Upload-Checksum` names an algorithm and a checksum in base64, such as `sha256 LPJNul+wow4m6Ds…`")]
    Form,
    #[error("the checksum algorithm `{0}` is not known here: use sha1 or sha256")]
    Algorithm(String),
}

/// What some bytes should hash to, and what they have so far.
#[derive(Debug, Clone)]
pub struct Checksum {
    expected: Vec<u8>,
    hash: Hash,
}

#[derive(Debug, Clone)]
enum Hash {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Checksum {
    /// For `Tus-Checksum-Algorithm`.
    pub const ALGORITHMS: &str = "sha1,sha256";

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.hash {
            Hash::Sha1(hash) => hash.update(bytes),
            Hash::Sha256(hash) => hash.update(bytes),
        }
    }

    pub(super) fn matches(self) -> bool {
        match self.hash {
            Hash::Sha1(hash) => hash.finalize().as_slice() == self.expected,
            Hash::Sha256(hash) => hash.finalize().as_slice() == self.expected,
        }
    }
}

impl FromStr for Checksum {
    type Err = ParseChecksumError;

    fn from_str(text: &str) -> Result<Self, ParseChecksumError> {
        let (algorithm, encoded) = text.trim().split_once(' ').ok_or(ParseChecksumError::Form)?;
        let (hash, length) = match algorithm {
            "sha1" => (Hash::Sha1(Sha1::new()), 20),
            "sha256" => (Hash::Sha256(Sha256::new()), 32),
            other => return Err(ParseChecksumError::Algorithm(other.to_owned())),
        };
        let expected = STANDARD.decode(encoded.trim()).map_err(|_| ParseChecksumError::Form)?;
        if expected.len() == length { Ok(Self { expected, hash }) } else { Err(ParseChecksumError::Form) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_compared_with_what_was_sent_along() {
        // The checksums of `hello world`, as the protocol's own example has the first.
        for text in ["sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="] {
            let mut checksum: Checksum = text.parse().unwrap();
            checksum.update(b"hello ");
            let mut broken = checksum.clone();
            checksum.update(b"world");
            broken.update(b"World");
            assert!(checksum.matches(), "{text}");
            assert!(!broken.matches(), "{text}");
        }
    }

    #[test]
    fn what_is_no_checksum_is_refused() {
        let error = |text: &str| text.parse::<Checksum>().unwrap_err();
        assert_eq!(error("md5 abc"), ParseChecksumError::Algorithm("md5".to_owned()));
        for text in ["", "sha1", "sha1 not base64!", "sha1 Zm9v", "sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0="] {
            assert_eq!(error(text), ParseChecksumError::Form, "{text}");
        }
    }
}
