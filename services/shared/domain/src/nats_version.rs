//! Which nats-server is new enough: asked by whoever starts one, and by whoever connects to one.

use std::{fmt, str::FromStr};

/// A release of nats-server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NatsVersion(u32, u32, u32);

impl NatsVersion {
    /// Older servers lose acknowledgements and consumer state when they are killed.
    pub const OLDEST: Self = Self(2, 12, 12);
}

/// The text is no version number.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a version number")]
pub struct ParseVersionError(String);

impl FromStr for NatsVersion {
    type Err = ParseVersionError;

    /// Reads `2.15.1`, `v2.15.1` and pre-releases such as `2.16.0-RC.2`.
    fn from_str(text: &str) -> Result<Self, ParseVersionError> {
        let mut parts = text.trim_start_matches('v').splitn(3, '.');
        let mut number = || parts.next()?.split(['-', '+']).next()?.parse().ok();
        let version = (|| Some(Self(number()?, number()?, number()?)))();
        version.ok_or_else(|| ParseVersionError(text.to_owned()))
    }
}

impl fmt::Display for NatsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number_and_not_by_text() {
        let version = |text: &str| text.parse::<NatsVersion>().unwrap();
        for new_enough in ["2.12.12", "v2.15.1", "2.100.0-RC.1", "3.0.0"] {
            assert!(version(new_enough) >= NatsVersion::OLDEST, "{new_enough}");
        }
        for too_old in ["2.9.10", "2.12.2", "1.99.99"] {
            assert!(version(too_old) < NatsVersion::OLDEST, "{too_old}");
        }
        for nonsense in ["", "2", "2.12", "nightly"] {
            assert!(nonsense.parse::<NatsVersion>().is_err(), "{nonsense}");
        }
    }
}
