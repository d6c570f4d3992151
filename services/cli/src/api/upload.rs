//! Sending a recording: one multipart request whose file part is read from disk as it is sent, so that memory use
//! does not depend on its size. It must not look into the file: the server says what it can decode.

use std::{io, path::Path};

use escriba_domain::{AudioTrack, Channels, Lane, Language, ModelName, Task};
use futures_util::TryStreamExt;
use reqwest::{
    Body, Method,
    multipart::{Form, Part},
};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::{ApiError, Client, jobs::Job};

/// Large enough that reading from disk does not slow a fast network down.
const READ_BYTES: usize = 256 << 10;

/// What is asked of a job. What is left out, the server decides.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// `None`: the language is detected.
    pub(crate) language: Option<Language>,
    /// Those to choose from when it is detected. Empty: all.
    pub(crate) languages: Vec<Language>,
    /// It may change within a recording.
    pub(crate) multilingual: bool,
    pub(crate) task: Option<Task>,
    pub(crate) model: Option<ModelName>,
    pub(crate) lane: Option<Lane>,
    pub(crate) prompt: Option<String>,
    pub(crate) hotwords: Vec<String>,
    pub(crate) channels: Option<Channels>,
    pub(crate) audio_track: Option<AudioTrack>,
    pub(crate) word_timestamps: bool,
}

/// A recording did not get to the server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error("the file cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("it is a folder, not a recording")]
    Folder,
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl Options {
    /// The names and values of the form's fields.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        fields.extend(self.language.map(|language| ("language", language.code().to_owned())));
        let languages: Vec<_> = self.languages.iter().map(|language| language.code()).collect();
        fields.extend((!languages.is_empty()).then(|| ("languages", languages.join(","))));
        fields.extend(self.multilingual.then(|| ("multilingual", "true".to_owned())));
        fields.extend(self.task.map(|task| ("task", task.to_string())));
        fields.extend(self.model.as_ref().map(|model| ("model", model.to_string())));
        fields.extend(self.lane.map(|lane| ("lane", lane.to_string())));
        fields.extend(self.prompt.clone().map(|prompt| ("prompt", prompt)));
        fields.extend((!self.hotwords.is_empty()).then(|| ("hotwords", self.hotwords.join(","))));
        fields.extend(self.channels.map(|channels| ("channels", channels.to_string())));
        fields.extend(self.audio_track.as_ref().map(|track| ("audio_track", track.to_string())));
        fields.extend(self.word_timestamps.then(|| ("word_timestamps", "true".to_owned())));
        fields
    }
}

impl Client {
    /// Uploads the file and returns the job the server made of it. `sent` is called with the bytes sent so far and
    /// the size of the file.
    pub(crate) async fn submit(
        &self,
        path: &Path,
        options: &Options,
        sent: impl Fn(u64, u64) + Send + Sync + 'static,
    ) -> Result<Job, UploadError> {
        let file = File::open(path).await.map_err(UploadError::Unreadable)?;
        let metadata = file.metadata().await.map_err(UploadError::Unreadable)?;
        if metadata.is_dir() {
            return Err(UploadError::Folder);
        }
        let size = metadata.len();
        let mut so_far = 0;
        let bytes = ReaderStream::with_capacity(file, READ_BYTES).inspect_ok(move |chunk| {
            so_far += chunk.len() as u64;
            sent(so_far, size);
        });
        // A file of unknown size, such as a pipe, is sent in chunks.
        let body = Body::wrap_stream(bytes);
        let media = if metadata.is_file() { Part::stream_with_length(body, size) } else { Part::stream(body) };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();

        // The server reads the form in one pass, and has to know the options when the file begins.
        let mut form = Form::new();
        for (field, value) in options.fields() {
            form = form.text(field, value);
        }
        let request = self.request(Method::POST, "v1/jobs")?.multipart(form.part("media", media.file_name(name)));
        let answer = self.send(request).await?;
        Ok(self.decode(answer).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_chosen_is_sent() {
        assert!(Options::default().fields().is_empty());
        let options = Options {
            language: Some("es".parse().unwrap()),
            task: Some(Task::Translate),
            lane: Some(Lane::Batch),
            word_timestamps: true,
            ..Options::default()
        };
        let expected = [("language", "es"), ("task", "translate"), ("lane", "batch"), ("word_timestamps", "true")];
        assert_eq!(options.fields(), expected.map(|(field, value)| (field, value.to_owned())));

        let options = Options {
            languages: vec!["en".parse().unwrap(), "es".parse().unwrap()],
            multilingual: true,
            hotwords: vec!["Escriba".to_owned(), "Jet Stream".to_owned()],
            channels: Some(Channels::Separate),
            audio_track: Some(AudioTrack::Number(2)),
            ..Options::default()
        };
        let expected = [
            ("languages", "en,es"),
            ("multilingual", "true"),
            ("hotwords", "Escriba,Jet Stream"),
            ("channels", "separate"),
            ("audio_track", "2"),
        ];
        assert_eq!(options.fields(), expected.map(|(field, value)| (field, value.to_owned())));
    }
}
