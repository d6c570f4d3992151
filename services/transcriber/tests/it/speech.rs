//! Finding and recognising speech, with the real model.

use std::{
    fs::File,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use escriba_domain::{Decoding, Language, Segment, Task};
use escriba_transcriber::{
    media::{DecodeError, DecodeRequest},
    speech::{self, Event, Outcome, Packing, PipelineError, Plan, RecognizeOptions, Window, Windower, listen},
};

use tokio::sync::mpsc;

use crate::fixtures::{self, Studio, decode, decoders, engine, impostor, open_with, real_speech};

const FOX: &str = "The quick brown fox jumps over the lazy dog.";
const SUN: &str = "Then it sleeps in the warm sun all afternoon.";

pub(crate) fn windows(samples: &[i16], block: usize, resume_ms: u64) -> Vec<Window> {
    let mut windower = Windower::new(Packing::Full, resume_ms);
    let mut windows: Vec<_> = samples.chunks(block).flat_map(|block| windower.push(block)).collect();
    windows.extend(windower.finish());
    windows
}

/// Two sentences with four seconds of silence between them.
fn two_sentences(studio: &Studio) -> std::path::PathBuf {
    let (fox, sun) = (studio.read_aloud(FOX, "fox.wav"), studio.read_aloud(SUN, "sun.wav"));
    let inputs = format!("-i {} -f lavfi -i anullsrc=r=16000:cl=mono:d=4 -i {}", fox.display(), sun.display());
    studio.record(&format!("{inputs} -filter_complex [0][1][2]concat=n=3:v=0:a=1 -ar 16000"), "two.wav")
}

#[test]
fn windows_hold_the_speech_and_leave_out_the_silence() {
    let studio = Studio::new();
    let samples = decode(&two_sentences(&studio)).unwrap().samples;
    let found = windows(&samples, 16_000, 0);
    assert_eq!(found.len(), 2);
    assert!(found[1].start_ms - found[0].end_ms > 2_000, "the silence lies between the windows");
    for window in &found {
        assert_eq!(window.samples.len() as u64 / 16, window.end_ms - window.start_ms);
    }
    assert!(windows(&vec![0; 16_000 * 60], 16_000, 0).is_empty());
}

#[test]
fn windows_do_not_depend_on_how_samples_arrive_and_resume_after_the_last_one() {
    let studio = Studio::new();
    let samples = decode(&two_sentences(&studio)).unwrap().samples;
    let found = windows(&samples, 16_000, 0);
    for block in [1, 255, 256, 12_345, samples.len()] {
        assert_eq!(windows(&samples, block, 0), found, "in blocks of {block}");
    }
    assert_eq!(windows(&samples, 16_000, found[0].end_ms), found[1..]);
    assert_eq!(windows(&samples, 16_000, found[1].end_ms), []);
}

#[test]
fn speech_without_a_pause_is_cut_into_windows_that_miss_nothing() {
    let studio = Studio::new();
    let breathless = format!("{FOX} {SUN} ").replace('.', "").repeat(16);
    let samples = decode(&studio.read_aloud(&breathless, "breathless.wav")).unwrap().samples;
    let found = windows(&samples, 16_000, 0);
    assert!(found.len() >= 4, "{} windows", found.len());
    assert!(found.iter().all(|window| window.end_ms - window.start_ms <= 15_000));
    let speech: u64 = found.iter().map(|window| window.end_ms - window.start_ms).sum();
    assert!(speech + 1_000 > samples.len() as u64 / 16, "{speech} ms of {} samples", samples.len());
    assert!(found.is_sorted_by(|a, b| a.end_ms <= b.start_ms), "no two windows overlap");
}

fn options(language: Option<&str>) -> RecognizeOptions {
    RecognizeOptions {
        language: language.map(|code| code.parse().unwrap()),
        languages: Vec::new(),
        task: Task::Transcribe,
        prompt: None,
        word_timestamps: true,
    }
}

pub(crate) fn plan(language: Option<&str>) -> Plan {
    Plan {
        options: options(language),
        multilingual: false,
        from_ms: 0,
        resume_ms: 0,
        until_ms: u64::MAX,
        next_index: 0,
    }
}

pub(crate) struct Transcript {
    pub(crate) segments: Vec<Segment>,
    events: Vec<Event>,
    pub(crate) outcome: Outcome,
}

impl Transcript {
    /// The words as they sound: lower case, without punctuation.
    fn words(&self) -> Vec<String> {
        words(&self.segments)
    }

    /// Each place that everything was given out up to, and how many segments that were.
    pub(crate) fn handed_over(&self) -> Vec<(u64, usize)> {
        let mut count = 0;
        let mut places = Vec::new();
        for event in &self.events {
            if let Event::Window { segments, through_ms, .. } = event {
                count += segments.len();
                places.push((*through_ms, count));
            }
        }
        places
    }
}

pub(crate) fn words(segments: &[Segment]) -> Vec<String> {
    let text: Vec<_> = segments.iter().map(|segment| segment.text.to_lowercase()).collect();
    let bare = text.join(" ").replace(|c: char| !c.is_alphanumeric() && c != '\'', " ");
    bare.split_whitespace().map(str::to_owned).collect()
}

pub(crate) async fn transcribe(path: &Path, plan: Plan) -> Transcript {
    transcribe_as(path, plan, DecodeRequest::default()).await
}

pub(crate) async fn transcribe_as(path: &Path, plan: Plan, request: DecodeRequest) -> Transcript {
    let (outcome, events) = attempt(path, (plan, request), &Arc::default(), |_| {}).await;
    let of_windows = events.iter().filter_map(|event| match event {
        Event::Window { segments, .. } => Some(segments.clone()),
        _ => None,
    });
    Transcript { segments: of_windows.flatten().collect(), outcome: outcome.unwrap(), events }
}

async fn attempt(
    path: &Path,
    (plan, request): (Plan, DecodeRequest),
    cancel: &Arc<AtomicBool>,
    mut on_event: impl FnMut(&Event),
) -> (Result<Outcome, PipelineError>, Vec<Event>) {
    let file = File::open(path).unwrap();
    let open = move || decoders().decode(&file, &request);
    let (sender, mut receiver) = mpsc::channel(4);
    let engine = engine().await;
    let running = async { speech::transcribe(listen(open, &plan, cancel).await?, engine, plan, cancel, sender).await };
    let listening = async {
        let mut events = Vec::new();
        while let Some(event) = receiver.recv().await {
            on_event(&event);
            events.push(event);
        }
        events
    };
    tokio::join!(running, listening)
}

#[tokio::test]
async fn a_sentence_read_aloud_is_understood() {
    let studio = Studio::new();
    let words = transcribe(&studio.read_aloud(FOX, "fox.wav"), plan(Some("en"))).await.words();
    // The made voice slurs: real speech below is held to every word.
    for expected in ["quick", "brown", "fox", "over", "lazy", "dog"] {
        assert!(words.iter().any(|word| word == expected), "{expected} is missing from {words:?}");
    }
}

#[tokio::test]
async fn a_president_is_heard_word_for_word() {
    let Some(path) = real_speech("en/jfk.flac") else { return };
    let transcript = transcribe(&path, plan(None)).await;
    let said =
        "and so my fellow americans ask not what your country can do for you ask what you can do for your country";
    assert_eq!(transcript.words(), said.split(' ').collect::<Vec<_>>());
    assert_eq!(transcript.outcome.language, Some(Language::ENGLISH));
    assert_eq!(transcript.outcome.audio_ms, 11_000);
}

#[tokio::test]
async fn words_lie_in_order_inside_their_segments() {
    let studio = Studio::new();
    let transcript = transcribe(&two_sentences(&studio), plan(Some("en"))).await;
    let mut earliest = 0;
    for segment in &transcript.segments {
        assert!(earliest <= segment.start_ms && segment.start_ms <= segment.end_ms);
        let joined: Vec<_> = segment.words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(joined.join(" "), segment.text);
        earliest = segment.start_ms;
        for word in &segment.words {
            assert!(earliest <= word.start_ms && word.start_ms <= word.end_ms && word.end_ms <= segment.end_ms);
            assert!((0.0..=1.0).contains(&word.probability));
            earliest = word.end_ms;
        }
        earliest = segment.end_ms;
    }
    assert!(transcript.segments.iter().all(|segment| segment.avg_logprob < 0.0 && segment.no_speech_prob < 0.5));
    for segment in &transcript.segments {
        let Decoding { tokens, temperature, window_start_ms } = &segment.decoding;
        assert!(tokens.len() >= segment.words.len(), "{segment:?}");
        assert!((0.0..=1.0).contains(temperature) && *window_start_ms <= segment.start_ms, "{segment:?}");
    }
}

#[tokio::test]
async fn silence_and_noise_give_no_text() {
    let studio = Studio::new();
    let mut quiet = vec![
        studio.record("-f lavfi -i anullsrc=r=16000:cl=mono:d=20", "silence.wav"),
        studio.record("-f lavfi -i anoisesrc=d=20:a=0.2:seed=1", "noise.wav"),
        studio.record("-f lavfi -i sine=frequency=440:duration=20", "tone.wav"),
    ];
    quiet.extend(real_speech("misc/no-speech.flac"));
    for path in quiet {
        let transcript = transcribe(&path, plan(None)).await;
        assert_eq!(transcript.segments, [], "{}", path.display());
        assert_eq!(transcript.outcome.language, None, "{}", path.display());
    }
}

#[tokio::test]
async fn the_language_is_found_where_it_is_left_open() {
    for (name, code) in [("es", "es"), ("de", "de"), ("fr", "fr")] {
        let Some(path) = real_speech(&format!("multilingual/{name}.flac")) else { continue };
        let transcript = transcribe(&path, plan(None)).await;
        assert_eq!(transcript.outcome.language.map(Language::code), Some(code));
        assert!(transcript.segments.iter().all(|segment| segment.language.map(Language::code) == Some(code)));
    }
}

#[tokio::test]
async fn a_job_resumes_with_the_very_segments_that_were_left() {
    let studio = Studio::new();
    let path = two_sentences(&studio);
    let whole = transcribe(&path, plan(Some("en"))).await;
    let (through_ms, count) = whole.handed_over()[0];
    let rest = transcribe(
        &path,
        Plan { resume_ms: through_ms, next_index: u32::try_from(count).unwrap(), ..plan(Some("en")) },
    )
    .await;
    assert_eq!(rest.segments, whole.segments[count..]);
    assert!((0..).zip(&whole.segments).all(|(index, segment)| segment.index == index));
    assert_eq!(rest.outcome, whole.outcome);
}

#[tokio::test]
async fn progress_is_told_through_silence_and_ends_at_the_end() {
    let studio = Studio::new();
    let path = studio.record("-f lavfi -i anullsrc=r=16000:cl=mono:d=65", "silence.flac");
    let transcript = transcribe(&path, plan(None)).await;
    assert_eq!(transcript.events[0], Event::Info { audio_ms: Some(65_000), in_parts: false });
    let told: Vec<_> = transcript
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Progress { processed_ms, .. } => Some(*processed_ms),
            _ => None,
        })
        .collect();
    assert!(told.len() > 2 && told.is_sorted(), "{told:?}");
    assert_eq!(told.last(), Some(&65_000));
}

#[tokio::test]
async fn a_canceled_run_ends_as_canceled() {
    let studio = Studio::new();
    let cancel = Arc::new(AtomicBool::new(false));
    let mut heard = 0;
    let stop = cancel.clone();
    let (outcome, _) = attempt(&two_sentences(&studio), (plan(None), DecodeRequest::default()), &cancel, |event| {
        if let Event::Window { .. } = event {
            heard += 1;
            stop.store(true, Ordering::Relaxed);
        }
    })
    .await;
    assert!(matches!(outcome, Err(PipelineError::Canceled)), "{outcome:?}");
    assert_eq!(heard, 1, "the second window was not recognised");
}

#[tokio::test]
async fn a_decoder_that_dies_half_way_fails_the_run() {
    let studio = Studio::new();
    let script = format!(
        r"{GREETING}; printf '\001\012\000\000\000\000\000\000\000\000\000\000\000\001\000'; kill -SEGV $$",
        GREETING = fixtures::GREETING
    );
    let command = impostor(&studio, &script, Duration::from_mins(1));
    let (sender, _receiver) = mpsc::channel(16);
    let open = move || open_with(command, Path::new("/dev/null"));
    let (plan, cancel) = (plan(None), Arc::default());
    let heard = listen(open, &plan, &cancel).await.unwrap();
    let outcome = speech::transcribe(heard, engine().await, plan, &cancel, sender).await;
    assert!(matches!(outcome, Err(PipelineError::Decode(DecodeError::Crashed { .. }))), "{outcome:?}");
}

#[tokio::test]
async fn a_prompt_of_any_length_and_content_is_taken() {
    let studio = Studio::new();
    let samples = decode(&studio.read_aloud(FOX, "fox.wav")).unwrap().samples;
    let window = windows(&samples, 16_000, 0).remove(0);
    let odd = String::from_utf8_lossy(&fixtures::noise(2_000)).into_owned();
    for prompt in [String::new(), "fox, dog".to_owned(), "字\0".repeat(800), odd] {
        let asked = RecognizeOptions { prompt: Some(prompt), ..options(Some("en")) };
        let answer = engine().await.recognize(window.clone(), Arc::new(asked), Arc::default()).await.unwrap();
        answer.text.unwrap();
    }
}
