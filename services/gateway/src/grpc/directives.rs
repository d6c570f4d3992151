//! Between the wire's messages and the use cases' own types.

use std::time::Duration;

use escriba_blobs::ObjectKey;
use escriba_database::{
    DatabaseError,
    chunks::{Chunk, NewPart},
    jobs::{Failure, Job},
};
use escriba_domain::{ChunkKind, ErrorKind, Language};
use escriba_events::{channels_to_proto, segment_from_proto, statistics_from_proto, task_to_proto, warning_from_proto};
use escriba_proto::v1::{self, Directive, directive::Body, proceed::Source, refused::Reason};
use tonic::Status;

use crate::app::{
    claim_chunk::Grant,
    commit_segments::Finished,
    complete_chunk::ChunkEnd,
    fail_chunk::ChunkFailure,
    hold::{LEASE_TIME, Lost},
    plan_part::PlannedPart,
};

pub(super) fn proceed(grant: &Grant) -> Directive {
    let Grant { job, chunk, .. } = grant;
    let options = &job.options;
    // A recording that changes its language is not held to the one it began with.
    let settled = job.spoken_language.filter(|_| !options.multilingual);
    let language = settled.or(options.language);
    let given_language = job.redo.map_or(options.language, |redo| redo.given_language);
    directive(Body::Proceed(v1::Proceed {
        lease: grant.lease,
        lease_ms: millis(LEASE_TIME),
        options: Some(v1::Options {
            language: language.map(code).unwrap_or_default(),
            languages: options.languages.iter().copied().map(code).collect(),
            multilingual: options.multilingual,
            task: task_to_proto(options.task).into(),
            model: options.model.to_string(),
            prompt: options.prompt.clone().unwrap_or_default(),
            hotwords: options.hotwords.clone(),
            channels: channels_to_proto(options.channels).into(),
            audio_track: options.audio_track.as_ref().map(ToString::to_string).unwrap_or_default(),
            word_timestamps: options.word_timestamps,
            given_language: given_language.map(code).unwrap_or_default(),
            max_audio_ms: grant.max_audio_ms.unwrap_or_default(),
        }),
        resume_ms: chunk.through_ms,
        next_index: chunk.segment_count,
        job_id: job.id.to_string(),
        chunk_id: chunk.id.to_string(),
        workspace_id: job.workspace.to_string(),
        source: Some(source(job, chunk)),
    }))
}

fn source(job: &Job, chunk: &Chunk) -> Source {
    match chunk.kind {
        ChunkKind::Whole => Source::Recording(v1::Recording {
            media_key: ObjectKey::Media { workspace: job.workspace, media: job.media }.to_string(),
            media_bytes: job.media_bytes,
            planned_parts: chunk.part_count,
            from_ms: chunk.start_ms,
            until_ms: chunk.end_ms.unwrap_or_default(),
        }),
        ChunkKind::Part => Source::Part(v1::Part {
            speech_key: ObjectKey::Windows { workspace: job.workspace, job: job.id, chunk: chunk.id }.to_string(),
            start_ms: chunk.start_ms,
            end_ms: chunk.end_ms.unwrap_or_default(),
        }),
    }
}

pub(super) fn committed() -> Directive {
    directive(Body::Committed(v1::Committed {}))
}

pub(super) fn refused(reason: Reason) -> Directive {
    directive(Body::Refused(v1::Refused { reason: reason.into() }))
}

pub(super) fn lost(lost: Lost) -> Directive {
    directive(match lost {
        Lost::Canceled => Body::Cancel(v1::Cancel {}),
        Lost::Superseded => Body::Superseded(v1::Superseded {}),
    })
}

pub(super) fn finished(segments: v1::Segments, speed: Option<f64>) -> Finished {
    Finished {
        segments: segments.segments.into_iter().map(segment_from_proto).collect(),
        through_ms: segments.through_ms,
        language: segments.language.parse().ok(),
        statistics: segments.statistics.map(statistics_from_proto).unwrap_or_default(),
        speed,
    }
}

/// `None` when the ids in it are none.
pub(super) fn planned_part(planned: &v1::PartPlanned) -> Option<PlannedPart> {
    let part = NewPart {
        id: planned.chunk_id.parse().ok()?,
        position: planned.position,
        start_ms: planned.start_ms,
        end_ms: planned.end_ms,
        work_ms: planned.work_ms,
    };
    Some(PlannedPart { part, language: planned.language.parse().ok() })
}

pub(super) fn chunk_end(done: v1::ChunkDone) -> ChunkEnd {
    ChunkEnd {
        audio_ms: done.audio_ms,
        processing_ms: done.processing_ms,
        language: done.language.parse().ok(),
        warnings: done.warnings.into_iter().map(warning_from_proto).collect(),
    }
}

pub(super) fn chunk_failure(failed: v1::ChunkFailed) -> ChunkFailure {
    ChunkFailure {
        failure: Failure { code: failed.code, message: failed.message },
        retryable: failed.retryable,
        processing_ms: failed.processing_ms,
    }
}

/// A database that is away is no fault of the worker's: it reports again.
pub(super) fn status(error: &DatabaseError) -> Status {
    match error.kind() {
        ErrorKind::Unavailable | ErrorKind::StorageFull => Status::unavailable(error.to_string()),
        _ => {
            tracing::error!(%error, "a report could not be taken");
            Status::internal("the gateway could not take the report; its log has the cause")
        }
    }
}

const fn directive(body: Body) -> Directive {
    Directive { body: Some(body) }
}

fn code(language: Language) -> String {
    language.code().to_owned()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
