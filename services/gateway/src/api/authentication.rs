//! API keys on requests.

use std::sync::Arc;

use escriba_database::api_keys::Caller;
use escriba_domain::{ErrorKind, WorkspaceId};
use poem::{Request, error::InternalServerError};
use poem_openapi::{SecurityScheme, auth::Bearer};

use super::problem::failure;
use crate::app::{
    App,
    authenticate_caller::{AuthenticateError, authenticate_caller},
};

/// A workspace's API key, sent as `Authorization: Bearer esc_…`.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", key_name = "Authorization", rename = "api_key", checker = "check")]
pub(crate) struct ApiKey(pub(crate) WorkspaceId);

// The same key, where it matters whose it is.
/// A workspace's API key, sent as `Authorization: Bearer esc_…`.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", key_name = "Authorization", rename = "api_key", checker = "check_caller")]
pub(crate) struct CallerKey(pub(crate) Caller);

async fn check(request: &Request, key: Bearer) -> poem::Result<WorkspaceId> {
    check_caller(request, key).await.map(|caller| caller.workspace)
}

async fn check_caller(request: &Request, key: Bearer) -> poem::Result<Caller> {
    let app = request.data::<Arc<App>>().ok_or_else(|| InternalServerError(MissingApp))?;
    authenticate_caller(app, key.token.trim()).await.map_err(|error| {
        let (kind, code) = match &error {
            AuthenticateError::Unknown => (ErrorKind::Unauthenticated, "api_key_invalid"),
            AuthenticateError::Database(database) => (database.kind(), "unavailable"),
        };
        failure(kind, code, &error).into()
    })
}

#[derive(Debug, thiserror::Error)]
#[error("the routes were built without the app")]
struct MissingApp;
