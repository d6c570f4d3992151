//! `escriba transcribe`: recordings in, transcripts out, by a server that runs already.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use escriba_domain::{AudioTrack, Channels, Lane, Language, MAX_HOTWORD_CHARS, MAX_PROMPT_CHARS, ModelName, Task};

use super::{INTERRUPTED, server::ServerArgs};
use crate::{
    api::{Client, jobs::Format, upload::Options},
    interrupts::Interrupts,
    screen::Screen,
    transcription::{self, Order, Outcome},
};

#[derive(Debug, Args)]
pub(crate) struct TranscribeArgs {
    /// Recordings: any audio or video file.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The model to use [default: the server's].
    #[arg(long, value_name = "NAME")]
    model: Option<ModelName>,
    #[command(flatten)]
    wishes: Wishes,
    #[command(flatten)]
    server: ServerArgs,
}

/// What is wanted of each recording.
#[derive(Debug, Clone, Args)]
pub(crate) struct Wishes {
    /// What to write.
    #[arg(long, value_enum, default_value_t = Format::Srt, help_heading = "Transcripts")]
    format: Format,
    /// Write to this file, or into this folder when there are several recordings [default: standard output].
    #[arg(long, short, value_name = "PATH", help_heading = "Transcripts")]
    output: Option<PathBuf>,
    /// The language spoken, such as `en` or `es` [default: detect it].
    #[arg(long, value_name = "CODE", value_parser = parse_language, help_heading = "Transcripts")]
    language: Option<Spoken>,
    /// Detect the language among these only, such as `en,es`.
    #[arg(
        long,
        value_name = "CODES",
        value_delimiter = ',',
        value_parser = parse_candidate,
        conflicts_with = "language",
        help_heading = "Transcripts"
    )]
    languages: Vec<Language>,
    /// The language changes within the recording: detect it again and again.
    #[arg(long, conflicts_with = "language", help_heading = "Transcripts")]
    multilingual: bool,
    /// `transcribe` keeps the language spoken, `translate` gives English.
    #[arg(long, help_heading = "Transcripts")]
    task: Option<Task>,
    /// `interactive` goes before `batch` when the server is busy.
    #[arg(long, help_heading = "Transcripts")]
    lane: Option<Lane>,
    /// Names and terms to expect.
    #[arg(long, value_name = "TEXT", value_parser = parse_prompt, help_heading = "Transcripts")]
    prompt: Option<String>,
    /// Words to expect everywhere in the recording, such as `Escriba,Traefik`.
    #[arg(
        long,
        value_name = "WORDS",
        value_delimiter = ',',
        value_parser = parse_hotword,
        help_heading = "Transcripts"
    )]
    hotwords: Vec<String>,
    /// `mix` hears all channels as one, `separate` transcribes each on its own [default: mix].
    #[arg(long, help_heading = "Transcripts")]
    channels: Option<Channels>,
    /// Which audio track of a video: its number, from 1, or its language [default: the one most likely meant].
    #[arg(long, value_name = "TRACK", help_heading = "Transcripts")]
    audio_track: Option<AudioTrack>,
    /// Give each word its time (seen in the JSON format).
    #[arg(long, help_heading = "Transcripts")]
    word_timestamps: bool,
}

/// A language, or none when it is to be detected.
#[derive(Debug, Clone, Copy)]
struct Spoken(Option<Language>);

pub(crate) async fn run(args: TranscribeArgs) -> anyhow::Result<ExitCode> {
    let client = args.server.client()?;
    let order = args.wishes.order(args.files, args.model);
    carry_out(&order, &client, &Screen::new(), &Interrupts::listen()?).await
}

/// Does what is ordered, until it is done or the person has had enough.
pub(crate) async fn carry_out(
    order: &Order,
    client: &Client,
    screen: &Screen,
    interrupts: &Interrupts,
) -> anyhow::Result<ExitCode> {
    let outcome = tokio::select! {
        outcome = transcription::run(client, order, screen, &interrupts.stop) => outcome?,
        // Even the tidying up takes too long for this person.
        () = interrupts.kill.cancelled() => Outcome::Interrupted,
    };
    Ok(match outcome {
        Outcome::AllDone => ExitCode::SUCCESS,
        Outcome::SomeFailed => ExitCode::FAILURE,
        Outcome::Interrupted => INTERRUPTED.into(),
    })
}

impl Wishes {
    pub(crate) fn order(self, files: Vec<PathBuf>, model: Option<ModelName>) -> Order {
        let options = Options {
            language: self.language.and_then(|spoken| spoken.0),
            languages: self.languages,
            multilingual: self.multilingual,
            task: self.task,
            model,
            lane: self.lane,
            prompt: self.prompt,
            hotwords: self.hotwords,
            channels: self.channels,
            audio_track: self.audio_track,
            word_timestamps: self.word_timestamps,
        };
        Order { files, format: self.format, output: self.output, options }
    }
}

fn parse_language(text: &str) -> Result<Spoken, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(Spoken(None));
    }
    text.parse()
        .map(|language| Spoken(Some(language)))
        .map_err(|error: escriba_domain::ParseLanguageError| error.to_string())
}

fn parse_candidate(text: &str) -> Result<Language, String> {
    text.trim().parse().map_err(|_| format!("`{text}` is not a known language: use ISO 639-1 codes, as in `en,es,de`"))
}

fn parse_hotword(text: &str) -> Result<String, String> {
    let word = text.trim();
    let length = word.chars().count();
    match length {
        0 => Err("there is an empty word among them".to_owned()),
        1..=MAX_HOTWORD_CHARS => Ok(word.to_owned()),
        _ => Err(format!("it has {length} characters, and {MAX_HOTWORD_CHARS} are taken at most")),
    }
}

fn parse_prompt(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if length <= MAX_PROMPT_CHARS {
        Ok(text.to_owned())
    } else {
        Err(format!("it has {length} characters, and the model takes in {MAX_PROMPT_CHARS} at most"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_checked_before_anything_is_uploaded() {
        assert_eq!(parse_language("auto").unwrap().0, None);
        assert_eq!(parse_language("EN").unwrap().0, Some(Language::ENGLISH));
        assert!(parse_language("klingon").unwrap_err().contains("`klingon` is not a known language"));
    }

    #[test]
    fn a_prompt_that_would_be_cut_is_refused() {
        assert!(parse_prompt(&"ñ".repeat(MAX_PROMPT_CHARS)).is_ok());
        assert!(parse_prompt(&"ñ".repeat(MAX_PROMPT_CHARS + 1)).is_err());
    }

    #[test]
    fn hotwords_are_trimmed_and_checked() {
        assert_eq!(parse_hotword(" Jet Stream ").unwrap(), "Jet Stream");
        assert!(parse_hotword(&"ñ".repeat(MAX_HOTWORD_CHARS)).is_ok());
        for wrong in [" ", &"ñ".repeat(MAX_HOTWORD_CHARS + 1)] {
            assert!(parse_hotword(wrong).is_err(), "{wrong}");
        }
        assert!(parse_candidate("auto").unwrap_err().contains("ISO 639-1"));
    }
}
