//! What a request decides: which track, which channels, how much; and how loud it comes out.

use std::{fs::File, ops::ControlFlow, path::Path};

use escriba_domain::{Channels, FailureCode, Language};
use escriba_transcriber::media::{DecodeError, DecodeRequest};

use crate::fixtures::{Decoded, Studio, decode, decode_as, decoders};

fn separate() -> DecodeRequest {
    DecodeRequest { channels: Channels::Separate, ..DecodeRequest::default() }
}

/// How often the tone of one channel swings in a second, by its sign changes.
#[allow(clippy::cast_precision_loss, reason = "a test's recording is short")]
fn pitch(decoded: &Decoded, channel: usize) -> f64 {
    let samples = decoded.samples.iter().skip(channel).step_by(usize::from(decoded.info.channels));
    let signs: Vec<_> = samples.map(|&sample| sample >= 0).collect();
    let changes = signs.windows(2).filter(|pair| pair[0] != pair[1]).count();
    changes as f64 * 8_000.0 / signs.len() as f64
}

#[track_caller]
fn assert_pitch(decoded: &Decoded, channel: usize, expected: f64) {
    let pitch = pitch(decoded, channel);
    assert!((pitch - expected).abs() < expected / 20.0, "channel {channel}: {pitch} Hz instead of {expected}");
}

fn loudest(samples: &[i16]) -> u16 {
    samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap()
}

#[test]
fn channels_are_given_out_one_by_one_if_they_differ() {
    let studio = Studio::new();
    for (name, codec) in [("2.wav", "pcm_s16le"), ("2.m4a", "aac"), ("2.ogg", "libopus"), ("2.flac", "flac")] {
        let source = "aevalsrc=exprs=sin(300*2*PI*t)/4|sin(700*2*PI*t)/4:d=5:s=48000";
        let decoded =
            decode_as(&studio.record(&format!("-f lavfi -i {source} -c:a {codec}"), name), &separate()).unwrap();
        assert_eq!(decoded.info.channels, 2, "{name}");
        assert!((4_900..=5_100).contains(&decoded.summary.audio_ms), "{name}: {} ms", decoded.summary.audio_ms);
        assert_eq!(decoded.samples.len() as u64 / 32, decoded.summary.audio_ms, "{name}");
        assert_pitch(&decoded, 0, 300.0);
        assert_pitch(&decoded, 1, 700.0);
    }
    for (channels, given) in [(1, 1), (3, 3), (6, 6), (16, 16), (17, 1), (24, 1)] {
        let tones: Vec<_> = (0..channels).map(|channel| format!("sin({}*2*PI*t)/4", 300 + 50 * channel)).collect();
        let source = format!("aevalsrc=exprs={}:d=2:s=16000", tones.join("|"));
        let path = studio.record(&format!("-f lavfi -i {source} -c:a pcm_s16le"), "n.wav");
        let decoded = decode_as(&path, &separate()).unwrap();
        assert_eq!(decoded.info.channels, given, "{channels} channels");
        assert_eq!(decoded.summary.audio_ms, 2_000);
        if given > 1 {
            assert_pitch(&decoded, channels - 1, 250.0 + 50.0 * f64::from(given));
        }
    }
}

#[test]
fn channels_that_hold_the_same_are_heard_as_one() {
    let studio = Studio::new();
    let voice = studio.read_aloud("The quick brown fox jumps over the lazy dog.", "voice.wav");
    for (name, pan) in [
        ("same.mp3", "c0=c0|c1=c0"),
        ("same.ogg", "c0=c0|c1=c0"),
        ("softer.m4a", "c0=c0|c1=0.2*c0"),
        ("mirrored.mp3", "c0=c0|c1=-1*c0"),
        ("left.mp3", "c0=c0|c1=0*c0"),
        ("right.flac", "c0=0*c0|c1=c0"),
    ] {
        let arguments = format!("-i {} -af pan=stereo|{pan} -ar 44100", voice.display());
        let decoded = decode_as(&studio.record(&arguments, name), &separate()).unwrap();
        assert_eq!(decoded.info.channels, 1, "{name}");
        assert!(loudest(&decoded.samples) > 3_000, "{name}: {}", loudest(&decoded.samples));
    }
}

#[test]
fn channels_that_mirror_each_other_do_not_cancel_out() {
    let studio = Studio::new();
    let source = "-f lavfi -i aevalsrc=exprs=sin(440*2*PI*t)/4|-sin(440*2*PI*t)/4:d=3:s=44100";
    let decoded = decode(&studio.record(source, "mirrored.wav")).unwrap();
    assert_pitch(&decoded, 0, 440.0);
    let level = loudest(&decoded.samples);
    assert!((7_500..8_700).contains(&level), "{level}");
}

#[test]
fn a_recording_of_equal_channels_can_be_given_up_while_they_are_compared() {
    let studio = Studio::new();
    let long = studio.record("-f lavfi -i aevalsrc=exprs=sin(440*t)|sin(440*t):d=3600:s=16000", "long.wav");
    let mut told = 0;
    let outcome = decoders().decode_watched(&File::open(long).unwrap(), &separate(), |percent| {
        assert!(percent <= 100);
        told += 1;
        ControlFlow::Break(())
    });
    assert!(matches!(outcome, Err(DecodeError::Canceled)));
    assert_eq!(told, 1);
}

#[test]
fn the_track_asked_for_is_decoded_and_else_the_one_most_likely_meant() {
    let studio = Studio::new();
    let tone = |frequency: u32| format!("-f lavfi -i sine=frequency={frequency}:duration=2");
    let arguments = format!(
        "{} {} {} -f lavfi -i testsrc=duration=2:size=160x120:rate=5 -map 3 -map 0 -map 1 -map 2 -c:v mpeg4 -c:a aac \
         -metadata:s:a:0 language=eng -metadata:s:a:1 language=spa -metadata:s:a:2 language=fre \
         -disposition:a:0 comment -disposition:a:1 0 -disposition:a:2 default",
        tone(300),
        tone(500),
        tone(700)
    );
    for name in ["film.mkv", "film.mp4"] {
        let film = studio.record(&arguments, name);
        let pitched = |track: Option<&str>, language: Option<&str>, expected| {
            let track = track.map(|track| track.parse().unwrap());
            let language: Option<Language> = language.map(|code| code.parse().unwrap());
            let decoded = decode_as(&film, &DecodeRequest { track, language, ..DecodeRequest::default() }).unwrap();
            assert_pitch(&decoded, 0, expected);
        };
        if name == "film.mkv" {
            pitched(None, None, 700.0);
        }
        pitched(None, Some("es"), 500.0);
        pitched(Some("1"), None, 300.0);
        pitched(Some("3"), Some("es"), 700.0);
        pitched(Some("es"), None, 500.0);
        pitched(Some("fra"), None, 700.0);
        for missing in ["4", "de"] {
            let request = DecodeRequest { track: Some(missing.parse().unwrap()), ..DecodeRequest::default() };
            let refused = decode_as(&film, &request).err();
            assert!(
                matches!(refused, Some(DecodeError::Media(FailureCode::MediaNoSuchTrack))),
                "{missing}: {refused:?}"
            );
        }
    }
}

fn assert_too_long(path: &Path, max_audio_ms: u64) {
    for channels in [Channels::Mix, Channels::Separate] {
        let request = DecodeRequest { max_audio_ms, channels, ..DecodeRequest::default() };
        let refused = decode_as(path, &request).err();
        let name = path.display();
        assert!(matches!(refused, Some(DecodeError::Media(FailureCode::MediaTooLong))), "{name}: {refused:?}");
    }
}

#[test]
fn more_sound_than_is_taken_is_refused() {
    let studio = Studio::new();
    let ten = |options: &str, name: &str| studio.record(&format!("-f lavfi -i sine=duration=10 {options}"), name);
    for path in [
        ten("", "a.wav"),
        ten("-c:a libmp3lame -write_xing 0", "a.mp3"),
        ten("-c:a aac", "a.aac"),
        ten("-c:a libopus -f webm -live 1", "live.webm"),
    ] {
        assert_too_long(&path, 9_000);
        let request = DecodeRequest { max_audio_ms: 11_000, ..DecodeRequest::default() };
        assert!(decode_as(&path, &request).is_ok(), "{}", path.display());
    }
    // A day of silence in a few megabytes, of which nothing says how long it is.
    let day = studio.record("-f lavfi -i anullsrc=r=8000:cl=mono -t 86400 -c:a flac", "day.flac");
    let mut bytes = std::fs::read(day).unwrap();
    // The total of samples in STREAMINFO, where 0 is "unknown".
    bytes[21] &= 0xf0;
    bytes[22..26].fill(0);
    assert_too_long(&studio.write("day.flac", bytes), 10 * 60 * 1000);
}

#[test]
fn a_packet_that_claims_to_belong_days_ahead_makes_no_days_of_silence() {
    let studio = Studio::new();
    let jump = "-f lavfi -i sine=duration=4 -af asetpts='if(gt(T,2),PTS+10*86400*SR,PTS)' -c:a libopus";
    let path = studio.record(jump, "ahead.mkv");
    assert_too_long(&path, 60 * 60 * 1000);
}

#[test]
fn what_was_recorded_far_too_quietly_becomes_usable_and_the_rest_stays_as_it_is() {
    let studio = Studio::new();
    let voice = studio.read_aloud("The quick brown fox jumps over the lazy dog.", "voice.wav");
    let loud = decode(&voice).unwrap();
    let at_peak = |decibels: i32, codec: &str, name: &str| {
        let gain = f64::from(decibels) - 20.0 * (f64::from(loudest(&loud.samples)) / 32_768.0).log10();
        let arguments = format!("-i {} -af volume={gain}dB:precision=double -c:a {codec}", voice.display());
        decode(&studio.record(&arguments, name)).unwrap()
    };
    for (codec, name) in [("pcm_s24le", "quiet.wav"), ("flac -sample_fmt s32", "quiet.flac"), ("aac", "quiet.m4a")] {
        let quiet = at_peak(-60, codec, name);
        let level = loudest(&quiet.samples);
        assert!((1_000..12_000).contains(&level), "{name}: {level}");
    }
    let usual = at_peak(-6, "pcm_s16le -ar 16000", "usual.wav");
    let bytes = std::fs::read(studio.path("usual.wav")).unwrap();
    let data = bytes.windows(4).position(|bytes| bytes == b"data").unwrap() + 8;
    let stored: Vec<_> = bytes[data..].as_chunks().0.iter().copied().map(i16::from_le_bytes).collect();
    assert!(usual.samples == stored, "a recording of usual loudness passes bit for bit");
}

#[test]
fn absurd_rates_end_soon_and_in_words() {
    let studio = Studio::new();
    let wav = std::fs::read(studio.record("-f lavfi -i sine=duration=5", "a.wav")).unwrap();
    for rate in [0_u32, 1, 7, 999, 2_000_000, 0x7fff_ffff, u32::MAX] {
        let mut odd = wav.clone();
        odd[24..28].copy_from_slice(&rate.to_le_bytes());
        match decode(&studio.write("odd.wav", odd)) {
            Err(DecodeError::Media(_)) => {}
            Err(error) => panic!("{rate}: {error}"),
            Ok(decoded) => panic!("{rate}: {} ms", decoded.summary.audio_ms),
        }
    }
}
