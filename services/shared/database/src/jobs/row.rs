//! From a row to a [`Job`]: every column that holds one of the domain's words is read back as that word.

use escriba_domain::{JobOptions, Labels};

use super::{Failure, Job};
use crate::{
    DatabaseError,
    entity::{job, media},
};

pub(super) fn from_row((row, media): (job::Model, Option<media::Model>)) -> Result<Job, DatabaseError> {
    let media = media.ok_or_else(|| DatabaseError::corrupt("job without media", &row.id))?;
    let failure = row.failure_code.map(|code| Failure { code, message: row.failure_message.unwrap_or_default() });
    Ok(Job {
        id: row.id.into(),
        workspace: row.workspace_id.into(),
        media: row.media_id.into(),
        file_name: media.file_name,
        media_bytes: media.size_bytes.cast_unsigned(),
        media_sha256: media.sha256,
        media_deleted_at: media.deleted_at,
        state: word("job state", &row.state)?,
        options: JobOptions {
            language: row.language.as_deref().map(|code| word("language", code)).transpose()?,
            task: word("task", &row.task)?,
            model: word("model", &row.model)?,
            lane: word("lane", &row.lane)?,
            languages: json("languages", row.languages)?,
            multilingual: row.multilingual,
            prompt: row.prompt,
            hotwords: json("hotwords", row.hotwords)?,
            channels: word("channels", &row.channels)?,
            audio_track: row.audio_track.as_deref().map(|track| word("audio track", track)).transpose()?,
            word_timestamps: row.word_timestamps,
        },
        labels: Labels { title: row.title, tags: json("tags", row.tags)?, metadata: json("metadata", row.metadata)? },
        redo: row.redo.map(|redo| json("redo", redo)).transpose()?,
        spoken_language: row.spoken_language.as_deref().map(|code| word("language", code)).transpose()?,
        audio_ms: row.audio_ms.map(i64::cast_unsigned),
        processed_ms: row.processed_ms.cast_unsigned(),
        time_left_ms: row.time_left_ms.map(i64::cast_unsigned),
        processing_ms: row.processing_ms.cast_unsigned(),
        statistics: json("statistics", row.statistics)?,
        failure,
        warnings: json("warnings", row.warnings)?,
        transcript_version: row.transcript_version.cast_unsigned(),
        trace: json("trace context", row.trace_context)?,
        created_at: row.created_at,
        started_at: row.started_at,
        finished_at: row.finished_at,
        runs: row.runs.cast_unsigned(),
    })
}

pub(crate) fn word<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, DatabaseError> {
    text.parse().map_err(|_| DatabaseError::corrupt(what, &text))
}

pub(crate) fn json<T: serde::de::DeserializeOwned>(
    what: &'static str,
    value: serde_json::Value,
) -> Result<T, DatabaseError> {
    serde_json::from_value(value).map_err(|error| DatabaseError::corrupt(what, &error))
}
