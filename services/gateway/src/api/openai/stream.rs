//! `stream=true`: the text as it becomes final, as server-sent events without names. A failure on the way is a last
//! event of its own, because the answer has begun by then.

use std::sync::Arc;

use async_stream::stream;
use escriba_database::jobs::Job;
use escriba_domain::{JobId, Segment, WorkspaceId, append_spoken};
use futures_util::{Stream, StreamExt, stream::BoxStream};
use poem_openapi::{Object, Union};
use tokio_util::sync::CancellationToken;

use super::{
    error::ErrorView,
    form::{ResponseFormat, Wanted},
    transcriptions::{ended_badly, stopping},
    views::{LanguageView, LogprobView, SpeakerSegmentView, UsageView, languages, logprobs},
};
use crate::app::{
    App,
    follow_transcript::{Heard, follow_transcript},
};

/// One event of the stream, in `data:`.
#[derive(Debug, Union)]
#[oai(rename = "OpenAiStreamEvent")]
pub(super) enum FrameView {
    Delta(DeltaView),
    Segment(SpeakerSegmentView),
    Done(DoneView),
    Error(ErrorView),
}

/// `transcript.text.delta`: what comes next of the text.
#[derive(Debug, Object)]
#[oai(rename = "OpenAiTextDelta")]
pub(super) struct DeltaView {
    /// `transcript.text.delta`
    #[oai(rename = "type")]
    kind: String,
    /// All of these joined are the text.
    delta: String,
    /// Of each word, where it was asked for.
    #[oai(skip_serializing_if_is_none)]
    logprobs: Option<Vec<LogprobView>>,
    /// The segment it belongs to, in the format `diarized_json`.
    #[oai(skip_serializing_if_is_none)]
    segment_id: Option<String>,
}

/// `transcript.text.done`: the end.
#[derive(Debug, Object)]
#[oai(rename = "OpenAiTextDone")]
pub(super) struct DoneView {
    /// `transcript.text.done`
    #[oai(rename = "type")]
    kind: String,
    /// All of it.
    text: String,
    /// The language given or detected; empty when nobody speaks.
    languages: Vec<LanguageView>,
    /// Of each word, where it was asked for.
    #[oai(skip_serializing_if_is_none)]
    logprobs: Option<Vec<LogprobView>>,
    usage: UsageView,
}

/// What was told so far.
struct Told {
    is_diarized: bool,
    text: String,
    count: u64,
    /// `None`: not asked for.
    logprobs: Option<Vec<LogprobView>>,
}

/// A job's text from its beginning.
pub(super) fn frames(
    app: Arc<App>,
    (workspace, id): (WorkspaceId, JobId),
    wanted: &Wanted,
    shutdown: CancellationToken,
) -> BoxStream<'static, FrameView> {
    let told = Told {
        is_diarized: wanted.format == ResponseFormat::DiarizedJson,
        text: String::new(),
        count: 0,
        logprobs: wanted.logprobs.then(Vec::new),
    };
    tell(follow_transcript(app, workspace, id), told, shutdown).boxed()
}

fn tell(
    heard: impl Stream<Item = Heard> + Send,
    mut told: Told,
    shutdown: CancellationToken,
) -> impl Stream<Item = FrameView> + Send {
    stream! {
        tokio::pin!(heard);
        loop {
            let heard = tokio::select! {
                heard = heard.next() => heard,
                () = shutdown.cancelled() => {
                    yield FrameView::Error(stopping().into_view());
                    break;
                }
            };
            match heard {
                Some(Heard::Segments(segments)) => {
                    for segment in &segments {
                        for frame in told.add(segment) {
                            yield frame;
                        }
                    }
                }
                Some(Heard::End(Ok(job))) => {
                    yield FrameView::Done(told.end(&job));
                    break;
                }
                Some(Heard::End(Err(error))) => {
                    yield FrameView::Error(ended_badly(&error).into_view());
                    break;
                }
                None => break,
            }
        }
    }
}

impl Told {
    fn add(&mut self, segment: &Segment) -> Vec<FrameView> {
        let before = self.text.len();
        append_spoken(&mut self.text, &segment.text);
        let new = self.logprobs.as_mut().map(|all| {
            let new: Vec<_> = logprobs(segment).collect();
            all.extend(new.iter().cloned());
            new
        });
        let whole = self.is_diarized.then(|| SpeakerSegmentView::new(self.count, segment));
        self.count += 1;
        let delta = DeltaView {
            kind: "transcript.text.delta".to_owned(),
            delta: self.text[before..].to_owned(),
            logprobs: new,
            segment_id: whole.as_ref().map(|segment| segment.id.clone()),
        };
        std::iter::once(FrameView::Delta(delta)).chain(whole.map(FrameView::Segment)).collect()
    }

    fn end(&mut self, job: &Job) -> DoneView {
        DoneView {
            kind: "transcript.text.done".to_owned(),
            text: std::mem::take(&mut self.text),
            languages: languages(job),
            logprobs: self.logprobs.take(),
            usage: UsageView::new(job),
        }
    }
}
