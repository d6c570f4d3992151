//! `Idempotency-Key` on requests that create something. An operation that knows its request from the start answers
//! with [`create_once`]; the others begin, identify the request once it is read, and conclude.

use std::marker::PhantomData;

use escriba_domain::WorkspaceId;
use futures_util::FutureExt;
use poem::{
    IntoResponse, Request, RequestBody, Response,
    http::{HeaderValue, StatusCode, header::LOCATION},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    registry::{MetaParamIn, MetaResponses, MetaSchemaRef, Registry},
    types::Type,
};

use super::problem::{Failure, busy, failure};
use crate::app::{
    App,
    answer_once::{self, Answer, Begun, Fingerprint, Once, OnceError},
};

const JSON: &str = "application/json; charset=utf-8";

/// The header as it was sent. Whoever gives a key relies on it, so that one that cannot be read is no missing one.
pub(super) struct KeyHeader(Option<String>);

impl<'a> ApiExtractor<'a> for KeyHeader {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = String;
    type ParamRawType = String;

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(String::schema_ref())
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        options: ExtractParamOptions<String>,
    ) -> poem::Result<Self> {
        let value = request.headers().get(options.name);
        Ok(Self(value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())))
    }
}

/// Creates what is asked for, unless a request with the same key has done so: then its answer is given again.
pub(super) async fn create_once<F>(
    app: &App,
    workspace: WorkspaceId,
    key: KeyHeader,
    request: Fingerprint,
    create: impl FnOnce(Once) -> F,
) -> Result<Answer, Failure>
where
    F: Future<Output = Result<Answer, Failure>>,
{
    match begin(app, workspace, key).await? {
        Begun::Again(earlier) => earlier.answer(request).map_err(refused),
        Begun::First(once) => {
            once.identify(request);
            let answered = create(once.clone()).await;
            conclude(&once, answered).await
        }
    }
}

/// Begins with the header's value, if there is one.
pub(super) async fn begin(app: &App, workspace: WorkspaceId, key: KeyHeader) -> Result<Begun, Failure> {
    let key = key.0.map(|text| text.parse()).transpose().map_err(refused)?;
    answer_once::begin(app, workspace, key).await.map_err(refused)
}

/// A failed attempt gives its key back before it is answered.
pub(super) async fn conclude(once: &Once, answered: Result<Answer, Failure>) -> Result<Answer, Failure> {
    match &answered {
        Ok(_) => once.settle(),
        Err(_) => once.release().await,
    }
    answered
}

#[expect(clippy::needless_pass_by_value, reason = "so that it maps over errors")]
pub(super) fn refused(error: OnceError) -> Failure {
    let code = match &error {
        OnceError::KeyInvalid => "idempotency_key_invalid",
        OnceError::Reused => "idempotency_key_reused",
        OnceError::InProgress => return busy("idempotency_in_progress", &error),
        OnceError::Garbled => "internal",
        OnceError::Database(_) => "unavailable",
    };
    failure(error.kind(), code, &error)
}

/// An operation's answer in the form in which it is kept.
pub(super) fn keepable(answer: impl IntoResponse) -> Answer {
    let (parts, body) = answer.into_response().into_parts();
    let location = parts.headers.get(LOCATION).and_then(|location| location.to_str().ok()).map(str::to_owned);
    // The body lies in memory, so there is nothing to wait for.
    let body = body.into_string().now_or_never().and_then(Result::ok).unwrap_or_default();
    Answer { status: parts.status.as_u16(), location, body }
}

/// An answer, new or given again, that the document describes as `T`.
pub(super) struct Answered<T>(Answer, PhantomData<fn() -> T>);

impl<T> From<Answer> for Answered<T> {
    fn from(answer: Answer) -> Self {
        Self(answer, PhantomData)
    }
}

impl<T> IntoResponse for Answered<T> {
    fn into_response(self) -> Response {
        let Answer { status, location, body } = self.0;
        let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap_or_default());
        if !body.is_empty() {
            response = response.content_type(JSON);
        }
        let mut response = response.body(body);
        if let Some(location) = location.and_then(|location| HeaderValue::try_from(location).ok()) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}

impl<T: ApiResponse> ApiResponse for Answered<T> {
    fn meta() -> MetaResponses {
        T::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
