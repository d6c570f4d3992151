//! Errors of these paths: OpenAI's body, which its programs read as exceptions of their own.

use escriba_domain::{ErrorKind, JobId};
use poem::http::StatusCode;
use poem_openapi::{ApiResponse, Object, payload::Json, types::Example};
use serde_json::Value;

use crate::api::problem::log;

const RETRY_AFTER_SECONDS: u32 = 5;
/// OpenAI's programs try a 409 or 5xx again by themselves; where that is known to be no use, they are told.
const NO_USE: &str = "false";

/// An error as OpenAI writes it.
#[derive(Debug, Clone, Object)]
#[oai(rename = "OpenAiError", example)]
pub(super) struct ErrorView {
    error: Box<ErrorDetail>,
}

/// What went wrong and what to do about it.
#[derive(Debug, Clone, Object)]
#[oai(rename = "OpenAiErrorDetail")]
struct ErrorDetail {
    /// A sentence for a person.
    message: String,
    /// `invalid_request_error`, `permission_error`, `rate_limit_error` or `server_error`.
    #[oai(rename = "type")]
    kind: String,
    /// The part of the form that is wrong, where it is one.
    param: Option<String>,
    /// Stable: programs can rely on it.
    code: Option<String>,
}

impl ErrorView {
    fn new(kind: &str, message: &str, param: Option<&str>, code: &str) -> Self {
        let detail = ErrorDetail {
            message: message.to_owned(),
            kind: kind.to_owned(),
            param: param.map(str::to_owned),
            code: Some(code.to_owned()),
        };
        Self { error: Box::new(detail) }
    }

    /// What the rest of the gateway says as a problem.
    pub(super) fn of_problem(status: StatusCode, problem: &Value) -> Self {
        let text = |name: &str| problem[name].as_str().unwrap_or_default();
        let code = match text("code") {
            "api_key_missing" | "api_key_invalid" => "invalid_api_key",
            own => own,
        };
        Self::new(error_type(status), text("detail"), None, code)
    }
}

fn error_type(status: StatusCode) -> &'static str {
    match status {
        StatusCode::FORBIDDEN => "permission_error",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request_error",
    }
}

impl Example for ErrorView {
    fn example() -> Self {
        invalid_view("response_format", "The parameter `response_format` is wrong: use json, text, srt or vtt.")
    }
}

fn invalid_view(param: &str, message: &str) -> ErrorView {
    ErrorView::new("invalid_request_error", message, Some(param), "invalid_value")
}

/// Every way one of these operations can fail.
#[derive(Debug, ApiResponse)]
pub(super) enum Refusal {
    /// Something in the request is wrong, or the recording cannot be transcribed.
    #[oai(status = 400)]
    BadRequest(
        Json<ErrorView>,
        /// The job that failed, where there is one.
        #[oai(header = "X-Escriba-Job")]
        Option<String>,
    ),
    /// The API key is missing or not valid.
    #[oai(status = 401)]
    Unauthenticated(Json<ErrorView>),
    /// The API key lacks the scope for this.
    #[oai(status = 403)]
    Forbidden(Json<ErrorView>),
    /// There is no such model.
    #[oai(status = 404)]
    NotFound(Json<ErrorView>),
    /// The job was canceled or deleted while it was waited for.
    #[oai(status = 409)]
    Conflict(
        Json<ErrorView>,
        #[oai(header = "X-Escriba-Job")] Option<String>,
        /// `false`: the same request is no use.
        #[oai(header = "X-Should-Retry")]
        String,
    ),
    /// The recording is larger than this server takes.
    #[oai(status = 413)]
    TooLarge(Json<ErrorView>),
    /// One request, or one unfinished job, too many.
    #[oai(status = 429)]
    TooMany(Json<ErrorView>, #[oai(header = "Retry-After")] u32),
    /// A fault of the server's; its log has the cause.
    #[oai(status = 500)]
    Internal(
        Json<ErrorView>,
        #[oai(header = "X-Escriba-Job")] Option<String>,
        /// `false` where the job was tried several times already.
        #[oai(header = "X-Should-Retry")]
        Option<String>,
    ),
    /// Something the server needs is away for the moment. Where there is a job it goes on, and the same request joins it.
    #[oai(status = 503)]
    Unavailable(Json<ErrorView>, #[oai(header = "X-Escriba-Job")] Option<String>, #[oai(header = "Retry-After")] u32),
    /// There is no room to store the recording.
    #[oai(status = 507)]
    StorageFull(Json<ErrorView>),
}

impl Refusal {
    /// Any use case's error: its kind decides the status, and its message is the sentence unless it is the server's own.
    pub(super) fn new(kind: ErrorKind, code: &str, param: Option<&str>, error: &dyn std::error::Error) -> Self {
        let own = |status| Json(ErrorView::new(error_type(status), &error.to_string(), param, code));
        let ours = |status, code, message| {
            log(error);
            Json(ErrorView::new(error_type(status), message, None, code))
        };
        match kind {
            ErrorKind::Invalid => Self::BadRequest(own(StatusCode::BAD_REQUEST), None),
            ErrorKind::Unauthenticated => Self::Unauthenticated(own(StatusCode::UNAUTHORIZED)),
            ErrorKind::Forbidden => Self::Forbidden(own(StatusCode::FORBIDDEN)),
            ErrorKind::TooMany => Self::TooMany(own(StatusCode::TOO_MANY_REQUESTS), RETRY_AFTER_SECONDS),
            ErrorKind::NotFound => Self::NotFound(own(StatusCode::NOT_FOUND)),
            ErrorKind::Conflict => Self::Conflict(own(StatusCode::CONFLICT), None, NO_USE.to_owned()),
            ErrorKind::TooLarge => Self::TooLarge(own(StatusCode::PAYLOAD_TOO_LARGE)),
            ErrorKind::StorageFull => Self::StorageFull(ours(
                StatusCode::INSUFFICIENT_STORAGE,
                "storage_full",
                "The server has no room left to store this. Try again later, or tell the operator.",
            )),
            ErrorKind::Unavailable => Self::Unavailable(
                ours(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "Something the server needs is away for the moment. Try again in a few seconds.",
                ),
                None,
                RETRY_AFTER_SECONDS,
            ),
            ErrorKind::Internal => Self::Internal(
                ours(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    "Something went wrong on the server. Its log has the cause.",
                ),
                None,
                None,
            ),
        }
    }

    /// A job was tried as often as it is, and failed by a fault of the server's: what it says of itself is for the sender.
    pub(super) fn gave_up(code: &str, error: &dyn std::error::Error) -> Self {
        let view = ErrorView::new(error_type(StatusCode::INTERNAL_SERVER_ERROR), &error.to_string(), None, code);
        Self::Internal(Json(view), None, Some(NO_USE.to_owned()))
    }

    /// Something in the form is wrong.
    pub(super) fn invalid(param: &str, message: &str) -> Self {
        Self::BadRequest(Json(invalid_view(param, message)), None)
    }

    /// The form as a whole cannot be read, or lacks something.
    pub(super) fn form(param: Option<&str>, code: &str, message: &str) -> Self {
        Self::BadRequest(Json(ErrorView::new("invalid_request_error", message, param, code)), None)
    }

    pub(super) fn no_such_model(asked: &str, offered: &str) -> Self {
        let message = format!("The model `{asked}` does not exist here. Ask for one of: {offered}.");
        Self::NotFound(Json(ErrorView::new("invalid_request_error", &message, Some("model"), "model_not_found")))
    }

    /// Names the job that it came to.
    pub(super) fn of_job(mut self, id: JobId) -> Self {
        if let Self::BadRequest(_, job)
        | Self::Conflict(_, job, _)
        | Self::Internal(_, job, _)
        | Self::Unavailable(_, job, _) = &mut self
        {
            *job = Some(id.to_string());
        }
        self
    }

    /// The same as a part of a stream that has begun.
    pub(super) fn into_view(self) -> ErrorView {
        match self {
            Self::BadRequest(Json(view), ..)
            | Self::Unauthenticated(Json(view))
            | Self::Forbidden(Json(view))
            | Self::TooMany(Json(view), ..)
            | Self::NotFound(Json(view))
            | Self::Conflict(Json(view), ..)
            | Self::TooLarge(Json(view))
            | Self::Internal(Json(view), ..)
            | Self::Unavailable(Json(view), ..)
            | Self::StorageFull(Json(view)) => view,
        }
    }
}
