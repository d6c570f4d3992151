//! Channels, languages and silence: who speaks where, in what, and that nobody is invented.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use escriba_domain::{Channels, Language, Segment};
use escriba_transcriber::{media::DecodeRequest, speech::Plan};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    fixtures::{Studio, decode, real_speech},
    speech::{Transcript, plan, transcribe, transcribe_as, words},
};

const FOX: &str = "The quick brown fox jumps over the lazy dog.";
const SUN: &str = "Then it sleeps in the warm sun all afternoon.";

fn separate() -> DecodeRequest {
    DecodeRequest { channels: Channels::Separate, ..DecodeRequest::default() }
}

/// A recording with one file on the left and the other, later, on the right.
fn two_sides(studio: &Studio, left: &Path, right: &Path, right_after_ms: u32) -> PathBuf {
    let inputs = format!("-i {} -i {}", left.display(), right.display());
    let mono = "aformat=sample_fmts=s16:sample_rates=16000:channel_layouts=mono";
    let filter = format!(
        "[0]{mono},apad[l];[1]{mono},adelay={right_after_ms},apad[r];[l][r]join=inputs=2:channel_layout=stereo"
    );
    studio.record(&format!("{inputs} -filter_complex {filter} -t 12"), "sides.wav")
}

#[tokio::test]
async fn each_channel_of_a_call_has_its_own_text_in_the_order_of_time() {
    let studio = Studio::new();
    let (fox, sun) = (studio.read_aloud(FOX, "fox.wav"), studio.read_aloud(SUN, "sun.wav"));
    let call = two_sides(&studio, &fox, &sun, 2_000);
    let transcript = transcribe_as(&call, plan(Some("en")), separate()).await;
    let said_by = |channel| {
        let of_channel = transcript.segments.iter().filter(move |segment| segment.channel == Some(channel));
        of_channel.map(|segment| segment.text.to_lowercase()).collect::<Vec<_>>().join(" ")
    };
    let (left, right) = (said_by(1), said_by(2));
    assert!(left.contains("fox") && !left.contains("sun"), "{left}");
    assert!(right.contains("sun") && !right.contains("fox"), "{right}");
    assert!(transcript.segments.is_sorted_by_key(|segment| segment.start_ms));
    assert!((0..).zip(&transcript.segments).all(|(index, segment)| segment.index == index));

    // What an attempt left off is all that its successor gives, whichever channel it is of.
    for (through_ms, count) in transcript.handed_over() {
        let next_index = u32::try_from(count).unwrap();
        let resumed = Plan { resume_ms: through_ms, next_index, ..plan(Some("en")) };
        let rest = transcribe_as(&call, resumed, separate()).await;
        assert_eq!(rest.segments, transcript.segments[count..], "from {through_ms} ms on");
    }
}

#[tokio::test]
async fn channels_that_say_the_same_are_mixed() {
    let studio = Studio::new();
    let fox = studio.read_aloud(FOX, "fox.wav");
    let twice = studio.record(&format!("-i {} -ac 2", fox.display()), "twice.wav");
    let transcript = transcribe_as(&twice, plan(Some("en")), separate()).await;
    assert!(transcript.segments.iter().all(|segment| segment.channel.is_none()));
    let heard = words(&transcript.segments);
    assert_eq!(heard.iter().filter(|word| *word == "fox").count(), 1, "{heard:?}");
}

/// Spanish, German and French in turn, with a pause between them.
fn three_languages(studio: &Studio) -> Option<PathBuf> {
    let parts: Option<Vec<_>> =
        ["es", "de", "fr"].map(|code| real_speech(&format!("multilingual/{code}.flac"))).into_iter().collect();
    let inputs: Vec<_> = parts?.iter().map(|part| format!("-i {}", part.display())).collect();
    Some(studio.record(&format!("{} -filter_complex concat=n=3:v=0:a=1 -ar 16000", inputs.join(" ")), "three.wav"))
}

fn languages(segments: &[Segment]) -> Vec<&'static str> {
    let mut languages: Vec<_> = segments.iter().filter_map(|segment| segment.language.map(Language::code)).collect();
    languages.dedup();
    languages
}

#[tokio::test]
async fn a_recording_that_changes_its_language_says_so_part_by_part() {
    let studio = Studio::new();
    let Some(path) = three_languages(&studio) else { return };
    let transcript = transcribe(&path, Plan { multilingual: true, ..plan(None) }).await;
    assert_eq!(languages(&transcript.segments), ["es", "de", "fr"]);
    // The sentences last 8.7, 5.3 and 6.7 seconds.
    for segment in &transcript.segments {
        let expected = match segment.start_ms {
            0..8_664 => "es",
            8_664..13_920 => "de",
            _ => "fr",
        };
        assert_eq!(segment.language.map(Language::code), Some(expected), "{segment:?}");
    }
    assert_eq!(transcript.outcome.language.map(Language::code), Some("es"), "the one spoken longest");
}

#[tokio::test]
async fn only_languages_that_are_allowed_are_found() {
    let studio = Studio::new();
    let Some(path) = three_languages(&studio) else { return };
    for multilingual in [false, true] {
        let mut asked = Plan { multilingual, ..plan(None) };
        asked.options.languages = ["en", "es"].map(|code| code.parse().unwrap()).to_vec();
        let transcript = transcribe(&path, asked).await;
        let found = languages(&transcript.segments);
        assert!(!found.is_empty() && found.iter().all(|code| ["en", "es"].contains(code)), "{found:?}");
    }
}

#[tokio::test]
async fn words_lie_where_they_are_spoken() {
    let Some(folder) = real_speech("manifest.json") else { return };
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(&folder).unwrap()).unwrap();
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for entry in manifest.as_array().unwrap().iter().filter(|entry| entry["words"].is_array()) {
        let path = real_speech(entry["file"].as_str().unwrap()).unwrap();
        let transcript = transcribe(&path, plan(entry["language"].as_str())).await;
        let mut heard = transcript.segments.iter().flat_map(|segment| &segment.words).peekable();
        for word in entry["words"].as_array().unwrap() {
            let text = bare(word["word"].as_str().unwrap());
            // Words that the model hears otherwise are not measured.
            let Some(found) = heard.clone().position(|candidate| bare(&candidate.text) == text) else { continue };
            let found = heard.nth(found).unwrap();
            let reference = |name: &str| Duration::from_secs_f64(word[name].as_f64().unwrap());
            starts.push(Duration::from_millis(found.start_ms).abs_diff(reference("start_sec")));
            ends.push(Duration::from_millis(found.end_ms).abs_diff(reference("end_sec")));
        }
    }
    let count = u32::try_from(starts.len()).unwrap();
    let mean = |offsets: &[Duration]| offsets.iter().sum::<Duration>() / count;
    assert!(count >= 20, "{count} words");
    let most = Duration::from_millis(150);
    assert!(mean(&starts) < most && mean(&ends) < most, "{:?} and {:?} off", mean(&starts), mean(&ends));
}

fn bare(word: &str) -> String {
    word.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Sentences at random places in silence come back where they were put.
#[tokio::test]
async fn sentences_are_found_back_however_much_silence_lies_between_them() {
    let studio = Studio::new();
    let sentences = [FOX, SUN].map(|text| decode(&studio.read_aloud(text, "sentence.wav")).unwrap().samples);
    let seed = std::env::var("ESCRIBA_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_121);
    println!("ESCRIBA_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    // Where each sentence's window starts when it stands alone, from the start of the sentence.
    let alone = sentences.each_ref().map(|sentence| placed(&lay_out(&[(3_000, sentence)]))[0] - 3_000);
    for _ in 0..60 {
        let mut layout: Vec<(u64, &[i16])> = Vec::new();
        let (mut at, mut expected) = (0, Vec::new());
        for _ in 0..random.random_range(1..=4) {
            let which = random.random_range(0..2);
            // At least the pause that parts windows, and now and then a long one.
            let pause = if random.random_bool(0.2) {
                random.random_range(20_000..90_000)
            } else {
                random.random_range(3_500..9_000)
            };
            at += pause;
            layout.push((at, &sentences[which]));
            expected.push(at + alone[which]);
            at += sentences[which].len() as u64 / 16;
        }
        let found = placed(&lay_out(&layout));
        assert_eq!(found.len(), expected.len(), "{expected:?}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!(found.abs_diff(*expected) <= 20, "{found} for {expected}");
        }
    }
}

/// Samples with each sentence at its place, in milliseconds.
fn lay_out(layout: &[(u64, &[i16])]) -> Vec<i16> {
    let mut samples = Vec::new();
    for (at, sentence) in layout {
        samples.resize(usize::try_from(at * 16).unwrap(), 0);
        samples.extend_from_slice(sentence);
    }
    samples.resize(samples.len() + 16_000, 0);
    samples
}

/// Where speech starts in each window.
fn placed(samples: &[i16]) -> Vec<u64> {
    let found = crate::speech::windows(samples, 16_000, 0);
    found.iter().map(|window| window.speech[0].start_ms).collect()
}

#[tokio::test]
async fn segments_never_overlap_and_end_with_the_recording() {
    for name in ["misc/two-speakers.flac", "en/jfk.flac"] {
        let Some(path) = real_speech(name) else { return };
        let Transcript { segments, outcome, .. } = transcribe(&path, plan(Some("en"))).await;
        assert!(!segments.is_empty());
        assert!(segments.is_sorted_by(|a, b| a.end_ms <= b.start_ms), "{name}");
        assert!(
            segments.iter().all(|segment| segment.start_ms <= segment.end_ms && segment.end_ms <= outcome.audio_ms)
        );
    }
}

#[tokio::test]
async fn nothing_is_heard_in_hum_and_music() {
    let studio = Studio::new();
    let music =
        "aevalsrc='0.2*sin(2*PI*(220+110*floor(mod(t\\,4)))*t)*exp(-2*mod(t\\,0.5))+0.1*sin(2*PI*110*t)':d=20:s=16000";
    let quiet = [
        studio.record("-f lavfi -i sine=frequency=50:duration=20", "hum.wav"),
        studio.record(&format!("-f lavfi -i {music}"), "music.wav"),
        studio.record("-f lavfi -i anoisesrc=d=20:a=0.01:seed=2", "hiss.wav"),
    ];
    for path in quiet {
        let transcript = transcribe(&path, plan(None)).await;
        assert_eq!(transcript.segments, [], "{}", path.display());
    }
}

#[tokio::test]
async fn a_span_is_heard_as_it_is_in_the_whole_and_nothing_beside_it() {
    let studio = Studio::new();
    let (fox, sun) = (studio.read_aloud(FOX, "fox.wav"), studio.read_aloud(SUN, "sun.wav"));
    let inputs = format!("-i {0} -i {1} -i {0}", fox.display(), sun.display());
    let filter = "[0]apad=pad_dur=3[a];[1]apad=pad_dur=3[b];[a][b][2]concat=n=3:v=0:a=1";
    let path = studio.record(&format!("{inputs} -filter_complex {filter}"), "three.wav");
    let whole = transcribe(&path, plan(Some("en"))).await;
    let middle: Vec<Segment> = whole.segments.into_iter().filter(|segment| segment.text.contains("sun")).collect();
    let (from_ms, until_ms) = (middle[0].start_ms - 500, middle[middle.len() - 1].end_ms + 500);
    let span = Plan { from_ms, resume_ms: from_ms, until_ms, ..plan(Some("en")) };
    let heard = transcribe(&path, span).await;
    assert_eq!(words(&heard.segments), words(&middle));
    for segment in &heard.segments {
        assert!(segment.start_ms >= from_ms && segment.end_ms <= until_ms, "{segment:?}");
    }
    assert_eq!((heard.outcome.audio_ms, heard.outcome.players), (until_ms, None), "what comes later is not decoded");

    let silent = Plan { from_ms: until_ms + 200, until_ms: until_ms + 1_500, ..plan(Some("en")) };
    assert_eq!(transcribe(&path, silent).await.segments, []);
}
