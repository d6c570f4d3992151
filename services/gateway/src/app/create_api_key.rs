//! Makes a key for a workspace. No key makes one that may do more than itself.

use chrono::{DateTime, Utc};
use escriba_database::{
    DatabaseError,
    api_keys::{self, ApiKey, Caller, NewKey},
};
use escriba_domain::{ErrorKind, Scope, Scopes};

use super::{
    App,
    answer_once::{Answer, Once, OnceError},
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
    Once(#[from] OnceError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl CreateKeyError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Name(_) | Self::NoScope | Self::Expired => ErrorKind::Invalid,
            Self::ScopeMissing(_) => ErrorKind::Forbidden,
            Self::Random(_) => ErrorKind::Internal,
            Self::Once(error) => error.kind(),
            Self::Database(error) => error.kind(),
        }
    }
}

/// The answer has the key itself, which nobody is told in any other. It is committed with the key.
pub async fn create_api_key(
    app: &App,
    caller: &Caller,
    request: &KeyRequest,
    once: &Once,
    answer: impl FnOnce(ApiKey, String) -> Answer,
) -> Result<Answer, CreateKeyError> {
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
    let made = api_keys::lock(&tx, caller.workspace, id).await?;
    let made = made.ok_or_else(|| DatabaseError::Corrupt { what: "new API key", value: id.to_string() })?;
    let answer = answer(made, key.key);
    once.keep(&tx, &answer).await?;
    tx.commit().await?;
    tracing::info!(key = %id, workspace = %caller.workspace, scopes = %request.scopes, by = %caller.key, "made an API key");
    Ok(answer)
}
