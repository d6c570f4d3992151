//! Makes a key for a workspace. No key makes one that may do more than itself.

use chrono::{DateTime, Utc};
use escriba_database::{
    DatabaseError,
    api_keys::{self, Caller, NewKey},
};
use escriba_domain::{ApiKeyId, ErrorKind, Scope, Scopes};

use super::{
    App,
    authenticate_caller::new_key,
    rename_api_key::{NameError, checked_name},
};

/// What is asked for.
#[derive(Debug)]
pub struct KeyRequest {
    pub name: String,
    pub scopes: Scopes,
    pub expires_at: Option<DateTime<Utc>>,
}

#[derive(Debug, thiserror::Error)]
pub enum CreateKeyError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("The key would open nothing. Give it at least one of the scopes read, transcribe and manage.")]
    NoScope,
    #[error("This key has not the scope `{0}`, so it cannot make one that has. Use a key with all of its scopes.")]
    ScopeMissing(Scope),
    #[error("The key would have expired already. Choose a time in the future, or leave `expires_at` out.")]
    Expired,
    #[error("no random bytes could be had")]
    Random(#[source] std::io::Error),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl CreateKeyError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Name(_) | Self::NoScope | Self::Expired => ErrorKind::Invalid,
            Self::ScopeMissing(_) => ErrorKind::Forbidden,
            Self::Random(_) => ErrorKind::Internal,
            Self::Database(error) => error.kind(),
        }
    }
}

/// The new key's id and the key itself, which nobody can be told again.
pub async fn create_api_key(
    app: &App,
    caller: &Caller,
    request: &KeyRequest,
) -> Result<(ApiKeyId, String), CreateKeyError> {
    let name = checked_name(&request.name)?;
    if request.scopes.is_empty() {
        return Err(CreateKeyError::NoScope);
    }
    if let Some(beyond) = request.scopes.iter().find(|scope| !caller.scopes.contains(*scope)) {
        return Err(CreateKeyError::ScopeMissing(beyond));
    }
    let key = new_key().map_err(CreateKeyError::Random)?;
    let tx = app.db.begin().await?;
    if request.expires_at.is_some_and(|end| end <= tx.now()) {
        return Err(CreateKeyError::Expired);
    }
    let new = NewKey {
        workspace: caller.workspace,
        name,
        prefix: &key.prefix,
        secret_hash: key.hash,
        scopes: request.scopes,
        expires_at: request.expires_at,
    };
    let id = api_keys::create(&tx, &new).await?;
    tx.commit().await?;
    tracing::info!(key = %id, workspace = %caller.workspace, scopes = %request.scopes, by = %caller.key, "made an API key");
    Ok((id, key.key))
}
