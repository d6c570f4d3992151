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

use escriba_domain::{Language, Segment, Task};
use escriba_transcriber::{
    media::DecodeError,
    speech::{Event, Outcome, PipelineError, Plan, RecognizeOptions, Window, Windower, run},
};

use crate::fixtures::{self, Studio, decode, decode_command, impostor, model, real_speech};

const FOX: &str = "The quick brown fox jumps over the lazy dog.";
const SUN: &str = "Then it sleeps in the warm sun all afternoon.";

fn windows(samples: &[i16], block: usize, resume_ms: u64) -> Vec<Window> {
    let mut windower = Windower::new(resume_ms);
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
        task: Task::Transcribe,
        prompt: None,
        word_timestamps: true,
        // Tests run side by side, and whisper.cpp's threads wait for each other without rest.
        threads: 1,
    }
}

struct Transcript {
    segments: Vec<Segment>,
    events: Vec<Event>,
    outcome: Outcome,
}

impl Transcript {
    /// The words as they sound: lower case, without punctuation.
    fn words(&self) -> Vec<String> {
        let text: Vec<_> = self.segments.iter().map(|segment| segment.text.to_lowercase()).collect();
        let bare = text.join(" ").replace(|c: char| !c.is_alphanumeric() && c != '\'', " ");
        bare.split_whitespace().map(str::to_owned).collect()
    }
}

fn transcribe(path: &Path, language: Option<&str>, resume_ms: u64, next_index: u32) -> Transcript {
    let decoder = decode_command().spawn(File::open(path).unwrap()).unwrap();
    let mut recognizer = model().recognizer().unwrap();
    let plan = Plan { options: options(language), resume_ms, next_index };
    let mut events = Vec::new();
    let outcome = run(decoder, &mut recognizer, plan, &Arc::default(), |event| events.push(event)).unwrap();
    let of_windows = events.iter().filter_map(|event| match event {
        Event::Window { segments, .. } => Some(segments.clone()),
        _ => None,
    });
    Transcript { segments: of_windows.flatten().collect(), events, outcome }
}

#[test]
fn a_sentence_read_aloud_is_understood() {
    let studio = Studio::new();
    let words = transcribe(&studio.read_aloud(FOX, "fox.wav"), Some("en"), 0, 0).words();
    // The made voice slurs: real speech below is held to every word.
    for expected in ["quick", "brown", "fox", "over", "lazy", "dog"] {
        assert!(words.iter().any(|word| word == expected), "{expected} is missing from {words:?}");
    }
}

#[test]
fn a_president_is_heard_word_for_word() {
    let Some(path) = real_speech("en/jfk.flac") else { return };
    let transcript = transcribe(&path, None, 0, 0);
    let said =
        "and so my fellow americans ask not what your country can do for you ask what you can do for your country";
    assert_eq!(transcript.words(), said.split(' ').collect::<Vec<_>>());
    assert_eq!(transcript.outcome.language, Some(Language::ENGLISH));
    assert_eq!(transcript.outcome.audio_ms, 11_000);
}

#[test]
fn words_lie_in_order_inside_their_segments() {
    let studio = Studio::new();
    let transcript = transcribe(&two_sentences(&studio), Some("en"), 0, 0);
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
}

#[test]
fn silence_and_noise_give_no_text() {
    let studio = Studio::new();
    let mut quiet = vec![
        studio.record("-f lavfi -i anullsrc=r=16000:cl=mono:d=20", "silence.wav"),
        studio.record("-f lavfi -i anoisesrc=d=20:a=0.2:seed=1", "noise.wav"),
        studio.record("-f lavfi -i sine=frequency=440:duration=20", "tone.wav"),
    ];
    quiet.extend(real_speech("misc/no-speech.flac"));
    for path in quiet {
        let transcript = transcribe(&path, None, 0, 0);
        assert_eq!(transcript.segments, [], "{}", path.display());
        assert_eq!(transcript.outcome.language, None, "{}", path.display());
    }
}

#[test]
fn the_language_is_found_where_it_is_left_open() {
    for (name, code) in [("es", "es"), ("de", "de"), ("fr", "fr")] {
        let Some(path) = real_speech(&format!("multilingual/{name}.flac")) else { continue };
        let transcript = transcribe(&path, None, 0, 0);
        assert_eq!(transcript.outcome.language.map(Language::code), Some(code));
        assert!(transcript.segments.iter().all(|segment| segment.language.map(Language::code) == Some(code)));
    }
}

#[test]
fn a_job_resumes_with_the_very_segments_that_were_left() {
    let studio = Studio::new();
    let path = two_sentences(&studio);
    let whole = transcribe(&path, Some("en"), 0, 0);
    let ends: Vec<_> = whole
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Window { segments, through_ms, .. } => Some((*through_ms, segments.len())),
            _ => None,
        })
        .collect();
    let (through_ms, count) = ends[0];
    let rest = transcribe(&path, Some("en"), through_ms, u32::try_from(count).unwrap());
    assert_eq!(rest.segments, whole.segments[count..]);
    assert!((0..).zip(&whole.segments).all(|(index, segment)| segment.index == index));
    assert_eq!(rest.outcome, whole.outcome);
}

#[test]
fn progress_is_told_through_silence_and_ends_at_the_end() {
    let studio = Studio::new();
    let path = studio.record("-f lavfi -i anullsrc=r=16000:cl=mono:d=65", "silence.flac");
    let transcript = transcribe(&path, None, 0, 0);
    assert_eq!(transcript.events[0], Event::Info { audio_ms: Some(65_000) });
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

#[test]
fn a_canceled_run_ends_as_canceled_and_takes_its_decoder_along() {
    let studio = Studio::new();
    let decoder = decode_command().spawn(File::open(two_sentences(&studio)).unwrap()).unwrap();
    let mut recognizer = model().recognizer().unwrap();
    let cancel = Arc::new(AtomicBool::new(false));
    let plan = Plan { options: options(Some("en")), resume_ms: 0, next_index: 0 };
    let mut heard = 0;
    let outcome = run(decoder, &mut recognizer, plan, &cancel, |event| {
        if let Event::Window { .. } = event {
            heard += 1;
            cancel.store(true, Ordering::Relaxed);
        }
    });
    assert!(matches!(outcome, Err(PipelineError::Canceled)), "{outcome:?}");
    assert_eq!(heard, 1, "the second window was not recognised");
    assert_eq!(std::fs::read_to_string("/proc/thread-self/children").unwrap(), "");
}

#[test]
fn a_decoder_that_dies_half_way_fails_the_run() {
    let studio = Studio::new();
    let greeting = r"printf 'ESCD\001\001\010\000\000\000\000\000\000\000\000\000\000\000'; kill -SEGV $$";
    let command = impostor(&studio, greeting, Duration::from_mins(1));
    let decoder = command.spawn(File::open("/dev/null").unwrap()).unwrap();
    let mut recognizer = model().recognizer().unwrap();
    let plan = Plan { options: options(None), resume_ms: 0, next_index: 0 };
    let outcome = run(decoder, &mut recognizer, plan, &Arc::default(), |_| {});
    assert!(matches!(outcome, Err(PipelineError::Decode(DecodeError::Crashed { .. }))), "{outcome:?}");
}

#[test]
fn a_prompt_of_any_length_and_content_is_taken() {
    let studio = Studio::new();
    let samples = decode(&studio.read_aloud(FOX, "fox.wav")).unwrap().samples;
    let window = windows(&samples, 16_000, 0).remove(0);
    let mut recognizer = model().recognizer().unwrap();
    let odd = String::from_utf8_lossy(&fixtures::noise(2_000)).into_owned();
    for prompt in [String::new(), "fox, dog".to_owned(), "字\0".repeat(800), odd] {
        let asked = RecognizeOptions { prompt: Some(prompt), ..options(Some("en")) };
        recognizer.recognize(&window, &asked, &Arc::default()).unwrap();
    }
}
