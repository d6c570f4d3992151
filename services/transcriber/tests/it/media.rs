//! Decoding: what comes out of real files, whole, broken and hostile.

use std::net::TcpListener;

use escriba_domain::{FailureCode, WarningCode};
use escriba_transcriber::media::DecodeError;

use crate::fixtures::{self, Studio, decode};

const TONE: &str = "-f lavfi -i sine=frequency=440:duration=5";

#[track_caller]
fn assert_decodes(studio: &Studio, arguments: &str, name: &str) {
    let decoded = decode(&studio.record(arguments, name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let audio_ms = decoded.summary.audio_ms;
    assert!((4_850..=5_200).contains(&audio_ms), "{name} came out {audio_ms} ms long");
    assert!(decoded.summary.warnings.is_empty(), "{name}: {:?}", decoded.summary.warnings);
    assert_eq!(decoded.samples.len() as u64 / 16, audio_ms, "{name}");
    let loud = decoded.samples.iter().filter(|sample| sample.unsigned_abs() > 100).count();
    assert!(loud > decoded.samples.len() / 2, "{name} came out silent");
}

#[test]
fn what_phones_browsers_and_recorders_write_decodes_to_its_length() {
    let studio = Studio::new();
    for (options, name) in [
        ("-c:a libmp3lame", "a.mp3"),
        ("-c:a libmp3lame -write_xing 0 -b:a 64k", "no-header.mp3"),
        ("-c:a aac", "a.m4a"),
        ("-c:a aac", "a.aac"),
        ("-c:a libopus", "a.ogg"),
        ("-c:a libvorbis", "vorbis.ogg"),
        ("-c:a libopus", "a.webm"),
        ("-c:a libopus -f webm -live 1", "live.webm"),
        ("-c:a flac", "a.mkv"),
        ("-c:a flac", "a.flac"),
        ("-c:a pcm_s16le", "a.wav"),
        ("-c:a pcm_f32le -ar 96000", "float.wav"),
        ("-c:a pcm_mulaw -ar 8000", "mulaw.wav"),
        ("-c:a pcm_s16be", "a.aiff"),
        ("-c:a pcm_s16le", "a.caf"),
        ("-c:a pcm_s16le", "a.w64"),
        ("-c:a wmav2", "a.wma"),
        ("-c:a alac", "alac.m4a"),
        ("-c:a ac3", "a.ac3"),
        ("-c:a mp2", "a.ts"),
        ("-c:a mp2", "a.mpg"),
        ("-c:a wavpack", "a.wv"),
        ("-c:a tta", "a.tta"),
        ("-c:a pcm_mulaw -ar 8000", "a.au"),
    ] {
        assert_decodes(&studio, &format!("{TONE} {options}"), name);
    }
}

#[test]
fn sound_is_found_beside_pictures() {
    let studio = Studio::new();
    let video = format!("{TONE} -f lavfi -i testsrc=duration=5:size=160x120:rate=10");
    assert_decodes(&studio, &format!("{video} -c:v mpeg4 -c:a aac"), "a.mp4");
    assert_decodes(&studio, &format!("{video} -c:v mpeg4 -c:a aac -movflags faststart"), "fast.mp4");
    assert_decodes(&studio, &format!("{video} -c:v mpeg4 -c:a libmp3lame"), "a.avi");
    assert_decodes(&studio, &format!("{video} -c:v mpeg4 -c:a libvorbis"), "a.mkv");
    assert_decodes(
        &studio,
        &format!("{video} -c:v mpeg4 -c:a aac -movflags frag_keyframe+empty_moov"),
        "fragments.mp4",
    );
    assert_decodes(&studio, &format!("{video} -c:v flv -c:a libmp3lame"), "a.flv");
    let cover = format!("{TONE} -f lavfi -i testsrc=duration=1:size=160x120:rate=1 -map 0 -map 1 -frames:v 1");
    assert_decodes(&studio, &format!("{cover} -c:v mjpeg -c:a libmp3lame -disposition:v attached_pic"), "cover.mp3");
    assert_decodes(&studio, &format!("{cover} -c:v mjpeg -c:a aac -disposition:v attached_pic"), "cover.m4a");
}

#[test]
fn any_number_of_channels_becomes_one() {
    let studio = Studio::new();
    for (channels, name) in [(2, "2.wav"), (6, "6.flac"), (8, "8.wav"), (8, "8.flac"), (24, "24.wav"), (64, "64.wav")] {
        let source = format!("aevalsrc=exprs={}:d=5:s=44100", vec!["sin(440*2*PI*t)/4"; channels].join("|"));
        let codec = if name.ends_with("flac") { "flac" } else { "pcm_s16le" };
        assert_decodes(&studio, &format!("-f lavfi -i {source} -c:a {codec}"), name);
    }
    let decoded = decode(&studio.write("100.wav", wav_of_channels(100))).unwrap();
    assert_eq!(decoded.summary.audio_ms, 1_000);
    assert!(decoded.samples[800..15_200].iter().all(|sample| (9_900..10_100).contains(sample)));
    assert_refused(&studio.write("65535.wav", wav_of_channels(65_535)), FailureCode::MediaUndecodable);
}

/// One second of a constant level in each of so many channels: more than the `ffmpeg` command can write.
fn wav_of_channels(channels: u16) -> Vec<u8> {
    let data: Vec<u8> = 10_000_i16.to_le_bytes().repeat(16_000 * usize::from(channels).min(100));
    let size = u32::try_from(data.len()).unwrap();
    let width = channels.wrapping_mul(2);
    let mut wav = [&b"RIFF"[..], &(size + 36).to_le_bytes(), b"WAVEfmt ", &16_u32.to_le_bytes()].concat();
    wav.extend([1_u16, channels].iter().flat_map(|field| field.to_le_bytes()));
    wav.extend([16_000_u32, 16_000 * u32::from(width)].iter().flat_map(|field| field.to_le_bytes()));
    wav.extend([width, 16].iter().flat_map(|field| field.to_le_bytes()));
    wav.extend([&b"data"[..], &size.to_le_bytes(), &data].concat());
    wav
}

#[test]
fn a_stream_that_changes_its_rate_and_channels_goes_on() {
    let studio = Studio::new();
    let first = studio.record("-f lavfi -i sine=duration=3:sample_rate=44100 -ac 2 -c:a aac", "first.aac");
    let second = studio.record("-f lavfi -i sine=duration=2:sample_rate=24000 -ac 1 -c:a aac", "second.aac");
    let joined = [std::fs::read(first).unwrap(), std::fs::read(second).unwrap()].concat();
    let decoded = decode(&studio.write("joined.aac", joined)).unwrap();
    assert!((4_900..=5_200).contains(&decoded.summary.audio_ms), "{} ms", decoded.summary.audio_ms);
}

#[test]
fn sound_that_starts_late_keeps_its_place() {
    let studio = Studio::new();
    let arguments = "-f lavfi -i testsrc=duration=5:size=160x120:rate=10 -itsoffset 2 -f lavfi -i sine=duration=3 \
                     -map 0 -map 1 -c:v mpeg4 -c:a libvorbis";
    let decoded = decode(&studio.record(arguments, "late.mkv")).unwrap();
    assert!((4_900..=5_200).contains(&decoded.summary.audio_ms), "{} ms", decoded.summary.audio_ms);
    assert!(decoded.samples[..16 * 1_900].iter().all(|&sample| sample == 0));
    assert!(decoded.samples[16 * 2_100..16 * 3_000].iter().any(|&sample| sample.abs() > 1_000));
}

#[test]
fn the_header_tells_the_length_beforehand() {
    let studio = Studio::new();
    let info = decode(&studio.record(TONE, "a.flac")).unwrap().info;
    assert_eq!(info.duration_ms, Some(5_000));
}

#[track_caller]
fn assert_refused(path: &std::path::Path, expected: FailureCode) {
    match decode(path) {
        Err(DecodeError::Media(code)) => assert_eq!(code, expected, "{}", path.display()),
        Err(error) => panic!("{}: {error}", path.display()),
        Ok(decoded) => panic!("{} gave {} ms of sound", path.display(), decoded.summary.audio_ms),
    }
}

#[test]
fn each_kind_of_file_that_is_no_recording_is_told_apart() {
    let studio = Studio::new();
    assert_refused(&studio.write("empty.mp3", b""), FailureCode::MediaEmpty);
    assert_refused(&studio.write("diary.txt", "Dear diary, nothing happened today.\n"), FailureCode::MediaUnrecognized);
    assert_refused(
        &studio.write("letter.pdf", [b"%PDF-1.7\n", &*fixtures::noise(50_000)].concat()),
        FailureCode::MediaUnrecognized,
    );
    for size in [1, 100, 5_000, 100_000, 2_000_000] {
        assert_refused(&studio.write("noise.mp3", fixtures::noise(size)), FailureCode::MediaUnrecognized);
    }
    assert_refused(&studio.write("zeros.wav", vec![0; 100_000]), FailureCode::MediaUnrecognized);

    let picture = "-f lavfi -i testsrc=duration=1:size=160x120:rate=1 -frames:v 1";
    for name in ["a.png", "a.jpg", "a.gif", "a.bmp", "a.tiff"] {
        assert_refused(&studio.record(picture, name), FailureCode::MediaIsImage);
    }
    let silent_film = "-f lavfi -i testsrc=duration=1:size=160x120:rate=10 -c:v mpeg4";
    for name in ["silent.mp4", "silent.mkv", "silent.avi"] {
        assert_refused(&studio.record(silent_film, name), FailureCode::MediaNoAudio);
    }
}

#[test]
fn a_recording_of_which_nothing_is_left_is_undecodable() {
    let studio = Studio::new();
    let without_index = studio.record(&format!("{TONE} -c:a aac"), "no-index.m4a");
    assert_refused(&studio.cut(&without_index, 50), FailureCode::MediaUndecodable);

    let mut wav = std::fs::read(studio.record(TONE, "a.wav")).unwrap();
    wav.truncate(30);
    assert_refused(&studio.write("header.wav", wav), FailureCode::MediaUndecodable);

    let flac = studio.record(TONE, "a.flac");
    let length = std::fs::metadata(&flac).unwrap().len();
    let count = usize::try_from(length).unwrap() * 98 / 100;
    assert_refused(&studio.scratch(&flac, 1, count), FailureCode::MediaUndecodable);
}

#[test]
fn a_recording_that_breaks_off_is_decoded_as_far_as_it_goes_and_says_so() {
    let studio = Studio::new();
    let video = format!("{TONE} -f lavfi -i testsrc=duration=5:size=160x120:rate=10 -c:v mpeg4");
    for (arguments, name) in [
        (format!("{TONE} -c:a pcm_s16le"), "a.wav"),
        (format!("{TONE} -c:a flac"), "a.flac"),
        (format!("{TONE} -c:a libmp3lame"), "a.mp3"),
        (format!("{TONE} -c:a aac -movflags faststart"), "a.m4a"),
        (format!("{video} -c:a aac -movflags faststart"), "a.mp4"),
        (format!("{TONE} -c:a libopus"), "a.ogg"),
        (format!("{TONE} -c:a libvorbis"), "vorbis.ogg"),
        (format!("{TONE} -c:a libopus"), "a.webm"),
        (format!("{video} -c:a libvorbis"), "a.mkv"),
        (format!("{video} -c:a libmp3lame"), "a.avi"),
    ] {
        let whole = studio.record(&arguments, name);
        assert_eq!(decode(&whole).unwrap().summary.warnings, [], "{name}, whole");
        let cut = decode(&studio.cut(&whole, 60)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!((1_000..4_300).contains(&cut.summary.audio_ms), "{name}: {} ms", cut.summary.audio_ms);
        assert_eq!(cut.summary.warnings, [WarningCode::MediaTruncated], "{name}, cut");
    }
}

#[test]
fn an_ogg_whose_last_page_is_whole_but_not_the_last_is_truncated() {
    let studio = Studio::new();
    let whole = std::fs::read(studio.record(&format!("{TONE} -c:a libopus -page_duration 200000"), "a.ogg")).unwrap();
    let last = whole.windows(4).rposition(|bytes| bytes == b"OggS").unwrap();
    let cut = decode(&studio.write("cut.ogg", &whole[..last])).unwrap();
    assert_eq!(cut.summary.warnings, [WarningCode::MediaTruncated]);
}

#[test]
fn a_length_the_recorder_never_filled_in_is_no_truncation() {
    let studio = Studio::new();
    let mut wav = std::fs::read(studio.record(TONE, "a.wav")).unwrap();
    let data = wav.windows(4).position(|bytes| bytes == b"data").unwrap();
    for at in [4, data + 4] {
        wav[at..at + 4].copy_from_slice(&0x7fff_ff00_u32.to_le_bytes());
    }
    let decoded = decode(&studio.write("endless.wav", wav)).unwrap();
    assert_eq!(decoded.summary.audio_ms, 5_000);
    assert_eq!(decoded.summary.warnings, []);
}

#[test]
fn a_damaged_middle_is_skipped_said_once_and_keeps_its_place() {
    let studio = Studio::new();
    for (options, name, count) in [
        ("-c:a libmp3lame -b:a 64k", "a.mp3", 2_000),
        ("-c:a flac", "a.flac", 30_000),
        ("-c:a aac -b:a 64k", "a.m4a", 4_000),
    ] {
        let whole = studio.record(&format!("-f lavfi -i sine=duration=20 {options}"), name);
        let decoded = decode(&studio.scratch(&whole, 50, count)).unwrap();
        assert_eq!(decoded.summary.warnings, [WarningCode::MediaDamaged], "{name}");
        assert!((19_000..=20_200).contains(&decoded.summary.audio_ms), "{name}: {} ms", decoded.summary.audio_ms);
    }
}

/// A place on the network that must see nobody.
struct Tripwire {
    listener: TcpListener,
}

impl Tripwire {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener }
    }

    fn url(&self) -> String {
        format!("http://{}/segment.ts", self.listener.local_addr().unwrap())
    }

    fn assert_untouched(&self) {
        assert_eq!(self.listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}

#[test]
fn no_file_makes_the_decoder_open_another_place() {
    let studio = Studio::new();
    let tripwire = Tripwire::new();
    let secret = studio.record(TONE, "secret.wav");
    for place in [tripwire.url(), format!("file://{}", secret.display()), "secret.wav".to_owned()] {
        for list in [
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{place}\n#EXT-X-ENDLIST\n"),
            format!("ffconcat version 1.0\nfile '{place}'\n"),
            format!("<?xml version=\"1.0\"?><MPD><Period><BaseURL>{place}</BaseURL></Period></MPD>"),
            format!("[playlist]\nFile1={place}\nNumberOfEntries=1\n"),
            format!("{place}\n"),
        ] {
            assert_refused(&studio.write("list.wav", &list), FailureCode::MediaIsPlaylist);
            // With something before it that hides it from the first look, FFmpeg must refuse it by itself.
            let hidden = studio.write("hidden.wav", format!("\u{1}\n{list}"));
            assert!(matches!(decode(&hidden), Err(DecodeError::Media(_))), "{list}");
        }
    }
    let film = studio.record(&format!("{TONE} -c:a aac -f mov"), "outside.mov");
    let mut bytes = std::fs::read(film).unwrap();
    let reference = bytes.windows(4).position(|bytes| bytes == b"url ").unwrap();
    bytes[reference + 4..reference + 8].copy_from_slice(&[0, 0, 0, 0]);
    let _ = decode(&studio.write("outside.mov", bytes));
    tripwire.assert_untouched();
}
