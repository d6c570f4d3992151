//! Jobs as the API shows them, and the requests about them. Fields this version does not know are kept, so that
//! `--json` shows all the server said.

use bytes::Bytes;
use clap::ValueEnum;
use escriba_domain::{JobId, JobState};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::{ANSWER_TIMEOUT, ApiError, Client};

/// The most jobs the server gives at once.
const PAGE: usize = 100;

/// A job. Lengths of time and positions are in seconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) state: JobState,
    #[serde(default)]
    pub(crate) file_name: Option<String>,
    #[serde(default)]
    pub(crate) created_at: Option<String>,
    #[serde(default)]
    pub(crate) started_at: Option<String>,
    #[serde(default)]
    pub(crate) finished_at: Option<String>,
    /// Of the recording; known once it has been decoded.
    #[serde(default)]
    pub(crate) duration: Option<f64>,
    #[serde(default)]
    pub(crate) processing_time: Option<f64>,
    #[serde(default)]
    pub(crate) progress: Option<Progress>,
    #[serde(default)]
    pub(crate) chunks: Option<Chunks>,
    /// While it waits, and not in lists.
    #[serde(default)]
    pub(crate) queue: Option<Place>,
    #[serde(default)]
    pub(crate) language: Option<String>,
    #[serde(default)]
    pub(crate) error: Option<Remark>,
    #[serde(default)]
    pub(crate) warnings: Vec<Remark>,
    #[serde(default)]
    pub(crate) statistics: Option<Statistics>,
    #[serde(flatten)]
    others: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Progress {
    #[serde(default)]
    pub(crate) processed: f64,
    /// From 0 to 1.
    #[serde(default)]
    pub(crate) ratio: Option<f64>,
    /// Seconds, while the server can tell.
    #[serde(default)]
    pub(crate) time_left: Option<f64>,
}

/// The pieces a job is worked on in. A long recording has many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Chunks {
    pub(crate) total: u64,
    pub(crate) waiting: u64,
    pub(crate) running: u64,
    pub(crate) completed: u64,
}

/// Where a job stands in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// 1 is next.
    pub(crate) position: u64,
    /// Seconds until it is transcribed, while the server can tell.
    #[serde(default)]
    pub(crate) time_to_completion: Option<f64>,
}

/// What recognition took, and what it left out of the transcript.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Statistics {
    /// Seconds in which somebody speaks.
    pub(crate) speech: f64,
    /// Stretches of speech.
    pub(crate) windows: u32,
    pub(crate) full_context_windows: u32,
    pub(crate) hotter_windows: u32,
    pub(crate) silent_windows: u32,
    pub(crate) dropped_loops: u32,
    pub(crate) dropped_phantoms: u32,
}

/// What the server has to say about a job: a stable code and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remark {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// The forms a transcript comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// SubRip subtitles
    Srt,
    /// WebVTT subtitles
    Vtt,
    /// Plain text
    Txt,
    /// Segments with times, words and more
    Json,
}

/// Which jobs a list shows.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) state: Option<JobState>,
    /// All of these.
    pub(crate) tags: Vec<String>,
    pub(crate) search: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Job>,
    next_cursor: Option<String>,
}

impl Job {
    /// Seconds of audio transcribed in a second.
    pub(crate) fn speed(&self) -> Option<f64> {
        let (duration, time) = (self.duration?, self.processing_time?);
        (time > 0.0).then(|| duration / time)
    }
}

impl Format {
    /// The name in the API, and the extension of a file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Srt => "srt",
            Self::Vtt => "vtt",
            Self::Txt => "txt",
            Self::Json => "json",
        }
    }
}

impl Client {
    pub(crate) async fn job(&self, id: JobId) -> Result<Job, ApiError> {
        self.ask(self.request(Method::GET, &job_path(id))?).await
    }

    /// The newest jobs first, at most `limit` of them.
    pub(crate) async fn jobs(&self, wanted: &Wanted, limit: usize) -> Result<Vec<Job>, ApiError> {
        let mut jobs = Vec::new();
        let mut cursor: Option<String> = None;
        while jobs.len() < limit {
            let mut query = vec![("limit", (limit - jobs.len()).min(PAGE).to_string())];
            query.extend(wanted.state.map(|state| ("state", state.to_string())));
            query.extend(wanted.tags.iter().map(|tag| ("tag", tag.clone())));
            query.extend(wanted.search.iter().map(|search| ("q", search.clone())));
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let page: Page = self.ask(self.request(Method::GET, "v1/jobs")?.query(&query)).await?;
            jobs.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        jobs.truncate(limit);
        Ok(jobs)
    }

    /// Asks for the job to be stopped; it may take a moment until it is.
    pub(crate) async fn cancel(&self, id: JobId) -> Result<(), ApiError> {
        let request = self.request(Method::POST, &format!("{}/cancel", job_path(id)))?;
        self.send(request.timeout(ANSWER_TIMEOUT)).await.map(drop)
    }

    /// Runs a failed or canceled job again.
    pub(crate) async fn retry(&self, id: JobId) -> Result<Job, ApiError> {
        self.ask(self.request(Method::POST, &format!("{}/retry", job_path(id)))?).await
    }

    /// Removes the job with its recording and its transcript.
    pub(crate) async fn delete(&self, id: JobId) -> Result<(), ApiError> {
        let request = self.request(Method::DELETE, &job_path(id))?;
        self.send(request.timeout(ANSWER_TIMEOUT)).await.map(drop)
    }

    pub(crate) async fn transcript(&self, id: JobId, format: Format) -> Result<Bytes, ApiError> {
        let request = self.request(Method::GET, &format!("{}/transcript", job_path(id)))?;
        let request = request.query(&[("format", format.as_str())]).timeout(ANSWER_TIMEOUT);
        self.send(request).await?.bytes().await.map_err(|cause| self.lost(cause))
    }
}

pub(super) fn job_path(id: JobId) -> String {
    format!("v1/jobs/{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_keeps_what_this_version_does_not_know() {
        let text = r#"{"id":"019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f","state":"completed","duration":11.0,
            "processing_time":2.0,"colour":"blue","warnings":[{"code":"cut","message":"It ends early."}]}"#;
        let job: Job = serde_json::from_str(text).unwrap();
        assert_eq!((job.state, job.speed()), (JobState::Completed, Some(5.5)));
        assert_eq!(job.warnings[0].message, "It ends early.");
        assert_eq!(serde_json::to_value(&job).unwrap()["colour"], "blue");
    }

    #[test]
    fn a_job_that_has_only_just_been_made_is_understood() {
        let text = r#"{"id":"019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f","state":"queued","duration":null,"progress":null}"#;
        let job: Job = serde_json::from_str(text).unwrap();
        assert_eq!((job.state, job.speed()), (JobState::Queued, None));
    }
}
