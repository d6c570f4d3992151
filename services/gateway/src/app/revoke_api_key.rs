//! Ends a key for good. A workspace keeps one that can manage it: without it nobody could make another, except the
//! operator.

use escriba_database::{DatabaseError, api_keys};
use escriba_domain::{ApiKeyId, ErrorKind, Scope, WorkspaceId};

use super::App;

#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    #[error("There is no API key {0}.")]
    NotFound(ApiKeyId),
    #[error(
        "This is the workspace's last valid key with the scope `manage`, and without one no key could be made any more. \
         Make another with that scope first, then revoke this one with it."
    )]
    LastManageKey,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl RevokeError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::LastManageKey => ErrorKind::Conflict,
            Self::Database(error) => error.kind(),
        }
    }
}

/// A key that is revoked already stays as it is.
pub async fn revoke_api_key(app: &App, workspace: WorkspaceId, id: ApiKeyId) -> Result<(), RevokeError> {
    let tx = app.db.begin().await?;
    // Two that revoke each other come one after the other.
    let key = api_keys::lock(&tx, workspace, id).await?.ok_or(RevokeError::NotFound(id))?;
    if key.revoked_at.is_some() {
        return Ok(());
    }
    if key.scopes.contains(Scope::Manage) && api_keys::count_other_managers(&tx, workspace, id).await? == 0 {
        return Err(RevokeError::LastManageKey);
    }
    api_keys::revoke(&tx, id).await?;
    tx.commit().await?;
    tracing::info!(key = %id, %workspace, "revoked an API key");
    Ok(())
}
