//! Gives a key another name. Names are for people: nothing depends on them.

use escriba_database::{DatabaseError, api_keys};
use escriba_domain::{ApiKeyId, ErrorKind, WorkspaceId};

use super::App;

const MAX_NAME_CHARS: usize = 100;

#[derive(Debug, thiserror::Error)]
pub enum NameError {
    #[error("The key has no name. Give it one that tells you later where it is used.")]
    Empty,
    #[error("The name has {chars} characters; at most {MAX_NAME_CHARS} are taken.")]
    TooLong { chars: usize },
    #[error("The name has line breaks or other control characters. Use plain text.")]
    NotPlain,
}

#[derive(Debug, thiserror::Error)]
pub enum RenameError {
    #[error("There is no API key {0}.")]
    NotFound(ApiKeyId),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl RenameError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Name(_) => ErrorKind::Invalid,
            Self::Database(error) => error.kind(),
        }
    }
}

pub async fn rename_api_key(app: &App, workspace: WorkspaceId, id: ApiKeyId, name: &str) -> Result<(), RenameError> {
    let tx = app.db.begin().await?;
    // Whose key it is comes first: a stranger hears no more of it than of one that never was.
    api_keys::lock(&tx, workspace, id).await?.ok_or(RenameError::NotFound(id))?;
    api_keys::rename(&tx, id, checked_name(name)?).await?;
    Ok(tx.commit().await?)
}

/// The name without the space around it, if it can be one.
pub(super) fn checked_name(name: &str) -> Result<&str, NameError> {
    let name = name.trim();
    let chars = name.chars().count();
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if chars > MAX_NAME_CHARS {
        return Err(NameError::TooLong { chars });
    }
    if name.contains(char::is_control) {
        return Err(NameError::NotPlain);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_text() {
        assert_eq!(checked_name("  Ünser laptop ").unwrap(), "Ünser laptop");
        assert!(matches!(checked_name(" \t"), Err(NameError::Empty)));
        assert!(matches!(checked_name("a\nb"), Err(NameError::NotPlain)));
        assert!(matches!(checked_name(&"ü".repeat(101)), Err(NameError::TooLong { chars: 101 })));
        assert!(checked_name(&"ü".repeat(100)).is_ok());
    }
}
