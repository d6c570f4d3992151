//! HTTP: decodes a request, calls one use case, encodes the answer. No SQL, no messages, no rules of what a job may
//! do.

mod api_key_view;
mod api_keys;
mod asked;
mod authentication;
mod bulk;
mod byte_range;
mod capabilities;
mod content_disposition;
mod document;
mod edits_view;
mod events;
mod events_view;
mod idempotency;
mod job_filter;
mod job_page;
mod job_patch;
mod job_view;
mod jobs;
mod media;
mod new_job;
mod openai;
mod preconditions;
mod problem;
mod queue;
mod rate_headers;
mod redo;
mod requests;
mod segments;
mod segments_view;
mod submission;
mod text;
mod transcripts;
mod upload_form;
mod uploads;
mod versions;
mod waveform;
mod workspace_events;

use std::sync::Arc;

use poem::{
    Endpoint, EndpointExt, Route,
    endpoint::make_sync,
    get, handler,
    middleware::AddData,
    web::{Data, Html, Json, Redirect},
};
use poem_openapi::{ContactObject, OpenApiService};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Everything the HTTP port answers.
pub fn routes(app: Arc<App>, shutdown: CancellationToken) -> impl Endpoint {
    let service = service(app.clone(), shutdown);
    let document = document::build(&service);
    let docs = document::page(&service, &document);
    Route::new()
        .at("/", get(index))
        .at("/openapi.json", get(openapi).with(AddData::new(document.clone())))
        .nest("/docs", make_sync(move |_| Html(docs.clone())))
        .nest("/", service)
        .with(AddData::new(app))
        .around(requests::with_little_json)
        .around(requests::in_time)
        .catch_all_error(problem::from_any_error)
        .around(uploads::speak_tus)
        .around(move |endpoint, request| document::name_methods(endpoint, document.clone(), request))
        .around(openai::in_its_words)
        .around(rate_headers::tell)
        .around(requests::observe)
}

/// Every resource.
type Apis = (
    jobs::JobsApi,
    events::EventsApi,
    workspace_events::WorkspaceEventsApi,
    transcripts::TranscriptsApi,
    queue::QueueApi,
    uploads::UploadsApi,
    capabilities::CapabilitiesApi,
    api_keys::ApiKeysApi,
    openai::TranscriptionsApi,
    openai::ModelsApi,
    (
        bulk::BulkApi,
        media::MediaApi,
        waveform::WaveformApi,
        segments::SegmentsApi,
        versions::VersionsApi,
        redo::RedoApi,
    ),
);

/// The `OpenAPI` document, without starting anything.
pub fn service(app: Arc<App>, shutdown: CancellationToken) -> OpenApiService<Apis, ()> {
    let apis = (
        jobs::JobsApi { app: app.clone() },
        events::EventsApi { app: app.clone(), shutdown: shutdown.clone() },
        workspace_events::WorkspaceEventsApi { app: app.clone(), shutdown: shutdown.clone() },
        transcripts::TranscriptsApi { app: app.clone() },
        queue::QueueApi { app: app.clone() },
        uploads::UploadsApi { app: app.clone() },
        capabilities::CapabilitiesApi { app: app.clone() },
        api_keys::ApiKeysApi { app: app.clone() },
        openai::TranscriptionsApi { app: app.clone(), shutdown },
        openai::ModelsApi { app: app.clone() },
        (
            bulk::BulkApi { app: app.clone() },
            media::MediaApi { app: app.clone() },
            waveform::WaveformApi { app: app.clone() },
            segments::SegmentsApi { app: app.clone() },
            versions::VersionsApi { app: app.clone() },
            redo::RedoApi { app },
        ),
    );
    let operator = ContactObject::new().name("Whoever runs this installation");
    OpenApiService::new(apis, "Escriba", env!("CARGO_PKG_VERSION"))
        .server("/")
        .description(document::DESCRIPTION)
        .contact(operator)
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
