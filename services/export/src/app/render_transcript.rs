//! Renders one transcript as a stream of bytes. Reads segments as they are asked for, so that neither a long
//! transcript nor a slow reader costs memory; a reader that goes away ends the reading.

use std::time::Instant;

use async_stream::try_stream;
use bytes::Bytes;
use escriba_database::{Database, DatabaseError, transcripts};
use escriba_domain::{ErrorKind, JobId, Segment, WorkspaceId};
use futures_util::{Stream, StreamExt, TryStreamExt, stream::BoxStream};

use crate::formats::{Format, LineEnding, Render, file_name::file_name};

/// About this many bytes go into one part: large enough to be cheap, well below gRPC's limit of 4 MiB.
const PART_BYTES: usize = 32 * 1024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    #[error("there is no job {job}")]
    UnknownJob { job: JobId },
    #[error("the transcript of job {job} has no version {version}")]
    UnknownVersion { job: JobId, version: u32 },
    #[error("the transcript cannot be read")]
    Database(#[from] DatabaseError),
}

impl RenderError {
    pub(crate) const fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownJob { .. } | Self::UnknownVersion { .. } => ErrorKind::NotFound,
            Self::Database(error) => error.kind(),
        }
    }
}

/// Which transcript is wanted, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) workspace: WorkspaceId,
    pub(crate) job: JobId,
    pub(crate) format: Format,
    pub(crate) line_ending: LineEnding,
    /// `None`: the newest.
    pub(crate) version: Option<u32>,
}

/// A transcript being rendered.
pub(crate) struct Rendering {
    pub(crate) file_name: String,
    /// Parts of about 32 KiB.
    pub(crate) parts: BoxStream<'static, Result<Bytes, RenderError>>,
}

/// A job that has no segments yet renders as an empty transcript; whether it is finished is the caller's concern.
pub(crate) async fn render_transcript(database: &Database, request: Request) -> Result<Rendering, RenderError> {
    let Request { workspace, job, format, line_ending, version } = request;
    let mut transcript = transcripts::find(database, workspace, job).await?.ok_or(RenderError::UnknownJob { job })?;
    if let Some(version) = version {
        if version > transcript.version {
            return Err(RenderError::UnknownVersion { job, version });
        }
        transcript.version = version;
    }
    let file_name = file_name(&transcript.file_name, format);
    let segments = transcripts::segments_of(database, job, transcript.version);
    let segments = segments.map_ok(|identified| identified.segment).boxed();
    let renderer = format.renderer(line_ending, transcript);
    let parts = parts(renderer, segments, Measured::start(format));
    Ok(Rendering { file_name, parts: parts.boxed() })
}

fn parts<S>(
    mut renderer: Box<dyn Render>,
    segments: S,
    mut measured: Measured,
) -> impl Stream<Item = Result<Bytes, RenderError>> + Send + use<S>
where
    S: Stream<Item = Result<Segment, DatabaseError>> + Send + 'static,
{
    try_stream! {
        let mut out = String::with_capacity(PART_BYTES);
        renderer.begin(&mut out);
        for await segment in segments {
            let segment = segment.inspect_err(|_| measured.ended("failed"))?;
            renderer.segment(&segment, &mut out);
            if out.len() >= PART_BYTES {
                yield Bytes::from(std::mem::replace(&mut out, String::with_capacity(PART_BYTES)));
            }
        }
        renderer.end(&mut out);
        if !out.is_empty() {
            yield Bytes::from(out);
        }
        measured.ended("completed");
    }
}

/// Counts a render when it ends, however it ends. The time includes waiting for the reader.
struct Measured {
    format: Format,
    started: Instant,
    outcome: &'static str,
}

impl Measured {
    fn start(format: Format) -> Self {
        Self { format, started: Instant::now(), outcome: "abandoned" }
    }

    const fn ended(&mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let format = self.format.as_str();
        metrics::counter!("escriba_renders_total", "format" => format, "outcome" => self.outcome).increment(1);
        metrics::histogram!("escriba_render_duration_seconds", "format" => format).record(self.started.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;
    use crate::formats::samples::{segment, transcript};

    fn rendered(
        format: Format,
        segments: impl Stream<Item = Result<Segment, DatabaseError>> + Send + 'static,
    ) -> impl Stream<Item = Result<Bytes, RenderError>> {
        parts(format.renderer(LineEnding::Lf, transcript()), segments, Measured::start(format))
    }

    #[tokio::test]
    async fn a_long_transcript_comes_in_parts_that_add_up() {
        let segments = stream::iter((0..10_000u64).map(|i| Ok(segment(i * 100, i * 100 + 90, &format!("line {i}")))));
        let parts: Vec<Bytes> = rendered(Format::Txt, segments).try_collect().await.unwrap();
        assert!(parts.len() > 3);
        assert!(parts.iter().rev().skip(1).all(|part| (PART_BYTES..PART_BYTES + 100).contains(&part.len())));
        let text = String::from_utf8(parts.concat()).unwrap();
        assert_eq!(text.lines().count(), 10_000);
        assert!(text.ends_with("line 9999\n"));
    }

    #[tokio::test]
    async fn no_more_is_read_than_the_reader_has_asked_for() {
        let endless = stream::repeat_with(|| Ok(segment(0, 1, "again and again")));
        let mut parts = std::pin::pin!(rendered(Format::Txt, endless));
        assert!(parts.next().await.unwrap().unwrap().len() >= PART_BYTES);
    }

    #[tokio::test]
    async fn an_empty_transcript_has_no_bytes_where_the_format_allows_it() {
        for (format, expected) in [(Format::Srt, ""), (Format::Txt, ""), (Format::Vtt, "WEBVTT\n")] {
            let parts: Vec<Bytes> = rendered(format, stream::empty()).try_collect().await.unwrap();
            assert_eq!(parts.concat(), expected.as_bytes());
        }
    }

    #[tokio::test]
    async fn a_database_that_fails_midway_ends_the_stream_with_its_error() {
        let fault = DatabaseError::Corrupt { what: "segment", value: "?".to_owned() };
        let segments = stream::iter([Ok(segment(0, 1, "x")), Err(fault)]);
        let error = rendered(Format::Vtt, segments).try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
    }
}
