//! Errors as RFC 9457 problems, every one with a stable code and a sentence that says what to do.

use escriba_domain::ErrorKind;
use poem::{IntoResponse, Response, http::StatusCode};
use poem_openapi::{
    ApiResponse, Object,
    error::{AuthorizationError, ParseParamError, ParsePathError, ParseRequestPayloadError},
    payload::Payload,
    registry::{MetaSchemaRef, Registry},
    types::{ToJSON, Type},
};

pub(crate) const TOO_MANY_REQUESTS: &str = "too_many_requests";
const RETRY_AFTER_SECONDS: u32 = 5;
/// Where nobody can tell when there is room again.
const RETRY_AFTER_BUSY_SECONDS: u64 = 30;

/// What went wrong and what to do about it.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub(crate) struct Problem {
    /// Names the kind of problem; the same for the same code.
    #[oai(rename = "type")]
    kind: String,
    /// The HTTP status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// Stable: programs can rely on it.
    code: String,
    /// A sentence for a person.
    detail: String,
}

impl poem_openapi::types::Example for Problem {
    fn example() -> Self {
        Self::new(StatusCode::NOT_FOUND, "job_not_found", "There is no job 019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f.")
    }
}

impl Problem {
    fn new(status: StatusCode, code: &str, detail: &str) -> Self {
        Self {
            kind: format!("urn:escriba:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.to_owned(),
        }
    }
}

/// A problem as a body of its own content type.
#[derive(Debug, Clone)]
pub(crate) struct ProblemJson(Box<Problem>);

impl ProblemJson {
    pub(crate) fn new(status: StatusCode, code: &str, detail: &str) -> Self {
        Self(Box::new(Problem::new(status, code, detail)))
    }
}

impl Payload for ProblemJson {
    const CONTENT_TYPE: &'static str = "application/problem+json";

    fn schema_ref() -> MetaSchemaRef {
        Problem::schema_ref()
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}

impl IntoResponse for ProblemJson {
    fn into_response(self) -> Response {
        Response::builder().content_type(Self::CONTENT_TYPE).body(self.0.to_json_string())
    }
}

/// Every way an operation can fail.
#[derive(Debug, Clone, ApiResponse)]
pub(crate) enum Failure {
    /// The request cannot be read.
    #[oai(status = 400)]
    BadRequest(ProblemJson),
    /// The API key is missing or not valid.
    #[oai(status = 401)]
    Unauthenticated(ProblemJson, #[oai(header = "WWW-Authenticate")] String),
    /// The API key has not the scope that this needs.
    #[oai(status = 403)]
    Forbidden(ProblemJson),
    /// There is no such thing, or not in this workspace.
    #[oai(status = 404)]
    NotFound(ProblemJson),
    /// The thing is in a state that does not allow this. With `Retry-After`, it will soon be in another.
    #[oai(status = 409)]
    Conflict(ProblemJson, #[oai(header = "Retry-After")] Option<u32>),
    /// The upload is larger than is taken here.
    #[oai(status = 413)]
    TooLarge(ProblemJson),
    /// The body is of a kind that is not taken here.
    #[oai(status = 415)]
    UnsupportedMediaType(ProblemJson),
    /// The request can be read, but something in it is wrong.
    #[oai(status = 422)]
    Invalid(ProblemJson),
    /// More than is allowed at a time. `Retry-After` says when to try again.
    #[oai(status = 429)]
    TooMany(ProblemJson, #[oai(header = "Retry-After")] u64),
    /// A fault of the server's; its log has the cause.
    #[oai(status = 500)]
    Internal(ProblemJson),
    /// Something the server needs is away for the moment.
    #[oai(status = 503)]
    Unavailable(ProblemJson, #[oai(header = "Retry-After")] u32),
    /// There is no room to store what was sent.
    #[oai(status = 507)]
    StorageFull(ProblemJson),
}

/// Any use case's error as the answer: its kind decides the status, its message is the sentence.
pub(crate) fn failure(kind: ErrorKind, code: &str, error: &dyn std::error::Error) -> Failure {
    let problem = ProblemJson::new;
    let own = |status| problem(status, code, &error.to_string());
    match kind {
        ErrorKind::Invalid => Failure::Invalid(own(StatusCode::UNPROCESSABLE_ENTITY)),
        ErrorKind::Unauthenticated => {
            Failure::Unauthenticated(own(StatusCode::UNAUTHORIZED), "Bearer realm=\"escriba\"".to_owned())
        }
        ErrorKind::Forbidden => Failure::Forbidden(own(StatusCode::FORBIDDEN)),
        ErrorKind::NotFound => Failure::NotFound(own(StatusCode::NOT_FOUND)),
        ErrorKind::Conflict => Failure::Conflict(own(StatusCode::CONFLICT), None),
        ErrorKind::TooLarge => Failure::TooLarge(own(StatusCode::PAYLOAD_TOO_LARGE)),
        ErrorKind::TooMany => Failure::TooMany(own(StatusCode::TOO_MANY_REQUESTS), RETRY_AFTER_BUSY_SECONDS),
        ErrorKind::StorageFull => {
            log(error);
            let detail = "The server has no room left to store this. Try again later, or tell the operator.";
            Failure::StorageFull(problem(StatusCode::INSUFFICIENT_STORAGE, "storage_full", detail))
        }
        ErrorKind::Unavailable => {
            log(error);
            let detail = "Something the server needs is away for the moment. Try again in a few seconds.";
            Failure::Unavailable(problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail), RETRY_AFTER_SECONDS)
        }
        ErrorKind::Internal => {
            log(error);
            let detail = "Something went wrong on the server. Its log has the cause.";
            Failure::Internal(problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail))
        }
    }
}

/// The same request may succeed in a moment.
pub(crate) fn busy(code: &str, error: &dyn std::error::Error) -> Failure {
    let problem = ProblemJson::new(StatusCode::CONFLICT, code, &error.to_string());
    Failure::Conflict(problem, Some(RETRY_AFTER_SECONDS))
}

/// One request too many. Clients of all kinds know to wait for `Retry-After`.
pub(crate) fn too_many(seconds: u64, error: &dyn std::error::Error) -> Failure {
    let problem = ProblemJson::new(StatusCode::TOO_MANY_REQUESTS, TOO_MANY_REQUESTS, &error.to_string());
    Failure::TooMany(problem, seconds)
}

/// The request itself cannot be read.
pub(crate) fn unreadable(detail: &str) -> Failure {
    Failure::BadRequest(ProblemJson::new(StatusCode::BAD_REQUEST, "bad_request", detail))
}

/// Something in the request is wrong.
pub(crate) fn invalid(code: &str, detail: &str) -> Failure {
    Failure::Invalid(ProblemJson::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail))
}

/// Tells the operator what the caller is not told.
pub(crate) fn log(error: &dyn std::error::Error) {
    let mut causes = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes = format!("{causes}: {error}");
        cause = error.source();
    }
    tracing::error!(error = causes, "a request failed");
}

#[derive(Debug, thiserror::Error)]
#[error("An API key is needed. Send it as `Authorization: Bearer esc_…`; `escriba up` says where yours is kept.")]
struct MissingKey;

/// Whatever was answered with an error: an operation's own failure as it is, and what the framework refused before an
/// operation ran, in this project's words.
pub(crate) async fn from_any_error(error: poem::Error) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    if error.is::<AuthorizationError>() {
        return failure(ErrorKind::Unauthenticated, "api_key_missing", &MissingKey).into_response();
    }
    if let Some(parameter) = error.downcast_ref::<ParseParamError>() {
        return unreadable(&format!("The parameter `{}` is wrong: {}.", parameter.name, parameter.reason))
            .into_response();
    }
    if let Some(payload) = error.downcast_ref::<ParseRequestPayloadError>() {
        // That it is JSON is known by now.
        let why = payload.reason.trim_end_matches('.');
        return invalid("body_invalid", &format!("The body does not fit: {why}.")).into_response();
    }
    if let Some(part) = error.downcast_ref::<ParsePathError>() {
        let detail = match part.name {
            "id" => "The id in the address is not a UUID.".to_owned(),
            _ => format!("A part of the address is wrong: {}.", part.reason),
        };
        return unreadable(&detail).into_response();
    }
    let status = error.status();
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => ("path_not_found", "There is nothing at this address. /docs lists what there is."),
        StatusCode::METHOD_NOT_ALLOWED => {
            ("method_not_allowed", "This address does not take this method. /docs lists what it takes.")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            let detail = "The body's content type is not taken here. /docs lists what is.";
            let problem = ProblemJson::new(status, "unsupported_media_type", detail);
            return Failure::UnsupportedMediaType(problem).into_response();
        }
        _ if status.is_client_error() => {
            return (status, ProblemJson::new(status, "bad_request", &error.to_string())).into_response();
        }
        _ => {
            tracing::error!(%error, "a request failed");
            ("internal", "Something went wrong on the server. Its log has the cause.")
        }
    };
    (status, ProblemJson::new(status, code, detail)).into_response()
}
