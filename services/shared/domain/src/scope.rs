//! What an API key may be used for. No scope includes another: a program that only drops recordings needs no right to
//! read transcripts.

use std::{fmt, str::FromStr};

use crate::job::states;

states! {
    /// One thing that a key may be used for.
    Scope {
        /// Look at jobs, transcripts, recordings, events and queues.
        Read = "read",
        /// Submit recordings, and change or delete jobs and transcripts.
        Transcribe = "transcribe",
        /// Make, rename and revoke API keys.
        Manage = "manage",
    }
}

/// The scopes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// What a key could do before there were scopes.
    pub const ALL: Self = Self(bit(Scope::Read) | bit(Scope::Transcribe) | bit(Scope::Manage));

    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & bit(scope) != 0
    }

    /// In the order in which scopes are declared.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.contains(*scope))
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

const fn bit(scope: Scope) -> u8 {
    match scope {
        Scope::Read => 1,
        Scope::Transcribe => 2,
        Scope::Manage => 4,
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | bit(scope)))
    }
}

/// Words with spaces between them, as the database has them.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(Scope::as_str).collect();
        f.write_str(&words.join(" "))
    }
}

impl FromStr for Scopes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_whitespace().map(str::parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_reads_back_from_its_words_in_any_order() {
        let some: Scopes = "manage  read".parse().unwrap();
        assert_eq!(some.to_string(), "read manage");
        assert!(some.contains(Scope::Manage) && !some.contains(Scope::Transcribe));
        assert_eq!(Scopes::ALL.to_string().parse(), Ok(Scopes::ALL));
        assert!("".parse::<Scopes>().unwrap().is_empty());
        assert!("read write".parse::<Scopes>().unwrap_err().contains("read, transcribe, manage"));
    }
}
