//! HTTP: decodes a request, calls one use case, encodes the answer. No SQL, no messages, no rules of what a job may
//! do.

mod authentication;
mod byte_range;
mod content_disposition;
mod document;
mod edits_view;
mod events;
mod events_view;
mod job_view;
mod jobs;
mod media;
mod preconditions;
mod problem;
mod queue;
mod requests;
mod segments;
mod segments_view;
mod transcripts;
mod upload_form;
mod versions;
mod waveform;

use std::sync::Arc;

use poem::{
    Endpoint, EndpointExt, Route, get, handler,
    middleware::AddData,
    web::{Data, Json, Redirect},
};
use poem_openapi::OpenApiService;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Everything the HTTP port answers.
pub fn routes(app: Arc<App>, shutdown: CancellationToken) -> impl Endpoint {
    let service = service(app.clone(), shutdown);
    let document = document::build(&service);
    let docs = service.swagger_ui();
    Route::new()
        .at("/", get(index))
        .at("/openapi.json", get(openapi).with(AddData::new(document)))
        .nest("/docs", docs)
        .nest("/", service)
        .with(AddData::new(app))
        .around(requests::with_little_json)
        .around(requests::in_time)
        .catch_all_error(problem::from_any_error)
        .around(requests::observe)
}

/// All operations.
type Apis = (
    jobs::JobsApi,
    events::EventsApi,
    transcripts::TranscriptsApi,
    queue::QueueApi,
    (media::MediaApi, waveform::WaveformApi, segments::SegmentsApi, versions::VersionsApi),
);

/// The `OpenAPI` document, without starting anything.
pub fn service(app: Arc<App>, shutdown: CancellationToken) -> OpenApiService<Apis, ()> {
    let apis = (
        jobs::JobsApi { app: app.clone() },
        events::EventsApi { app: app.clone(), shutdown },
        transcripts::TranscriptsApi { app: app.clone() },
        queue::QueueApi { app: app.clone() },
        (
            media::MediaApi { app: app.clone() },
            waveform::WaveformApi { app: app.clone() },
            segments::SegmentsApi { app: app.clone() },
            versions::VersionsApi { app },
        ),
    );
    OpenApiService::new(apis, "Escriba", env!("CARGO_PKG_VERSION")).server("/").description(document::DESCRIPTION)
}

#[handler]
fn index() -> Redirect {
    Redirect::temporary("/docs")
}

#[handler]
#[expect(clippy::needless_pass_by_value, reason = "an extractor is taken by value")]
fn openapi(document: Data<&document::Document>) -> Json<Value> {
    Json(Value::clone(&document.0.0))
}
