//! API keys on requests. An operation names the scope it needs in its signature, `ApiKey<Read>`, and is not entered
//! without it; the `OpenAPI` document gets the scope from there too.

use std::{marker::PhantomData, sync::Arc};

use escriba_database::api_keys::Caller;
use escriba_domain::{Scope, WorkspaceId};
use poem::{Request, RequestBody, error::InternalServerError};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    auth::{Bearer, BearerAuthorization},
    registry::{MetaSecurityScheme, Registry},
};

use super::{
    problem::{Failure, TOO_MANY_REQUESTS, failure, too_many},
    rate_headers::{Tally, whole_seconds},
};
use crate::app::{
    App,
    authenticate_caller::{AuthenticateError, authenticate_caller, count_request, demand},
    rate_limits::Standing,
};

/// What an operation demands of a key.
pub(crate) trait Demand: Send + Sync + 'static {
    const SCOPE: Scope;
}

/// For operations that change nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read;

/// For operations on jobs and transcripts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transcribe;

/// For operations on the workspace itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manage;

impl Demand for Read {
    const SCOPE: Scope = Scope::Read;
}

impl Demand for Transcribe {
    const SCOPE: Scope = Scope::Transcribe;
}

impl Demand for Manage {
    const SCOPE: Scope = Scope::Manage;
}

/// A workspace's API key with the scope `S`, sent as `Authorization: Bearer esc_…`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApiKey<S>(pub(crate) WorkspaceId, Caller, PhantomData<S>);

impl<S> ApiKey<S> {
    /// The key itself, for what depends on more than its workspace.
    pub(crate) const fn caller(&self) -> &Caller {
        &self.1
    }
}

impl<'a, S: Demand> ApiExtractor<'a> for ApiKey<S> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    /// A scheme for each scope. `document.rs` makes one of them, and names the scope on the operation.
    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: None,
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(S::SCOPE.as_str(), scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![S::SCOPE.as_str()]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let app = request.data::<Arc<App>>().ok_or_else(|| InternalServerError(MissingApp))?;
        let key = Bearer::from_request(request)?;
        let caller = authenticate_caller(app, key.token.trim()).await.map_err(refused)?;
        if let Some(standing) = count_request(app, &caller) {
            admit(request, standing)?;
        }
        demand(&caller, S::SCOPE).map_err(refused)?;
        Ok(Self(caller.workspace, caller, PhantomData))
    }
}

/// Refuses a request that is one too many. Either way the answer's headers tell how the key stands.
fn admit(request: &Request, standing: Standing) -> Result<(), Failure> {
    if let Some(tally) = request.data::<Tally>() {
        tally.note(standing);
    }
    let Some(wait) = standing.refused_for else { return Ok(()) };
    let seconds = whole_seconds(wait).max(1);
    Err(too_many(seconds, &AuthenticateError::TooManyRequests { limit: standing.limit, seconds }))
}

#[expect(clippy::needless_pass_by_value, reason = "so that it maps over errors")]
fn refused(error: AuthenticateError) -> Failure {
    let code = match &error {
        AuthenticateError::Unknown => "api_key_invalid",
        AuthenticateError::ScopeMissing { .. } => "scope_missing",
        AuthenticateError::TooManyRequests { .. } => TOO_MANY_REQUESTS,
        AuthenticateError::Database(_) => "unavailable",
    };
    failure(error.kind(), code, &error)
}

#[derive(Debug, thiserror::Error)]
#[error("the routes were built without the app")]
struct MissingApp;
