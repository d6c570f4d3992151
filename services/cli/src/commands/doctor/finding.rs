//! One thing the doctor looked at, and what came of it. Knows nothing of what is looked at.

use serde::Serialize;

/// What was found about one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) subject: String,
    pub(super) verdict: Verdict,
    pub(super) says: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Fine,
    /// Escriba runs, but perhaps not well.
    Warning,
    /// Escriba does not run like this.
    Problem,
}

impl Finding {
    pub(super) fn fine(subject: impl Into<String>, says: impl Into<String>) -> Self {
        Self { subject: subject.into(), verdict: Verdict::Fine, says: says.into(), remedy: None }
    }

    pub(super) fn warning(subject: impl Into<String>, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, remedy: Some(remedy.into()), ..Self::fine(subject, says) }
    }

    pub(super) fn problem(subject: impl Into<String>, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Problem, ..Self::warning(subject, says, remedy) }
    }
}

impl Verdict {
    /// Four characters to begin a line with.
    pub(super) fn mark(self, coloured: bool) -> String {
        let (word, colour) = match self {
            Self::Fine => ("ok  ", 32),
            Self::Warning => ("warn", 33),
            Self::Problem => ("FAIL", 31),
        };
        if coloured { format!("\u{1b}[{colour}m{word}\u{1b}[0m") } else { word.to_owned() }
    }
}
