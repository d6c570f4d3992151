//! The states of jobs and chunks, and the one table that says how a job may move between them.

macro_rules! states {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[doc = $doc])* $variant,)+
        }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name used in the database, the API, events and logs.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    format!("`{text}` is not one of {}", known.join(", "))
                })
            }
        }
    };
}
pub(crate) use states;

states! {
    /// Where a job stands.
    JobState {
        /// Stored, waiting for a transcriber.
        Queued = "queued",
        /// At least one chunk has been claimed.
        Running = "running",
        /// The transcript is whole.
        Completed = "completed",
        /// It ended without a whole transcript; the failure code says why.
        Failed = "failed",
        /// Somebody stopped it.
        Canceled = "canceled",
    }
}

states! {
    /// Where a chunk stands. A canceled job's unfinished chunks are canceled with it.
    ChunkState {
        /// Waiting for a worker.
        Queued = "queued",
        /// A worker holds its lease.
        Running = "running",
        /// All its segments are committed.
        Completed = "completed",
        /// It cannot be transcribed.
        Failed = "failed",
        /// Its job was canceled.
        Canceled = "canceled",
    }
}

states! {
    /// What a chunk is made of.
    ChunkKind {
        /// The recording as it was sent. It is transcribed as it is, or, where it is long, planned in parts.
        Whole = "whole",
        /// A span of a long recording, whose speech is stored.
        Part = "part",
    }
}

impl JobState {
    /// The states that may follow this one. `retry` leads from failed or canceled back to queued.
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Queued => &[Self::Running, Self::Failed, Self::Canceled],
            Self::Running => &[Self::Completed, Self::Failed, Self::Canceled],
            Self::Completed => &[],
            Self::Failed | Self::Canceled => &[Self::Queued],
        }
    }

    pub fn may_become(self, next: Self) -> bool {
        self.next().contains(&next)
    }

    /// Nothing more happens to the job unless somebody asks for it.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tabled_transitions_are_legal() {
        use JobState::{Canceled, Completed, Failed, Queued, Running};
        let legal = [
            (Queued, Running),
            (Queued, Failed),
            (Queued, Canceled),
            (Running, Completed),
            (Running, Failed),
            (Running, Canceled),
            (Failed, Queued),
            (Canceled, Queued),
        ];
        for &from in JobState::ALL {
            for &to in JobState::ALL {
                assert_eq!(from.may_become(to), legal.contains(&(from, to)), "{from} to {to}");
            }
        }
    }

    #[test]
    fn a_terminal_state_is_left_only_by_retry() {
        for &state in JobState::ALL {
            if state.is_terminal() {
                assert!(state.next().iter().all(|&next| next == JobState::Queued));
            }
        }
    }

    #[test]
    fn names_read_back() {
        for &state in JobState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!("done".parse::<JobState>().is_err());
    }
}
