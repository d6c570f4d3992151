//! What browsers do not play is made into something that they do, at the same times, in the same jailed child.

use std::{fs::File, io::Read, io::Seek, path::PathBuf};

use escriba_domain::{AudioTrack, Channels};
use escriba_transcriber::media::DecodeRequest;

use crate::fixtures::{Studio, decode, decoders};

/// The rendition of a recording as a file, if one is made.
fn render(studio: &Studio, path: &PathBuf, request: DecodeRequest) -> Option<PathBuf> {
    let request = DecodeRequest { rendition: true, ..request };
    let mut decoder = decoders().decode(&File::open(path).unwrap(), &request).unwrap();
    while decoder.next_block().unwrap().is_some() {}
    let rendition = decoder.take_rendition();
    decoder.finish().unwrap();
    let mut bytes = Vec::new();
    let mut file = &*rendition?.0;
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    Some(studio.write("rendition.mp3", bytes))
}

/// A tone from the second to the third of five seconds.
const BEEP: &str = "-f lavfi -i aevalsrc='between(t,2,3)*sin(880*2*PI*t)/2':d=5:s=44100";

/// The first and the last sample that is heard, in milliseconds.
fn heard(samples: &[i16]) -> [usize; 2] {
    let is_loud = |sample: &i16| sample.unsigned_abs() > 4_000;
    let (first, last) = (samples.iter().position(is_loud).unwrap(), samples.iter().rposition(is_loud).unwrap());
    [first / 16, last / 16]
}

#[test]
fn what_browsers_do_not_play_is_rendered_at_the_same_times() {
    let studio = Studio::new();
    for (options, name) in [
        ("-c:a wmav2", "beep.wma"),
        ("-c:a pcm_mulaw -ar 8000", "phone.wav"),
        ("-c:a pcm_s16le", "beep.caf"),
        ("-c:a mp2", "beep.mpg"),
        ("-c:a aac", "beep.mkv"),
        ("-c:a ac3 -ac 6", "beep.mp4"),
    ] {
        let path = studio.record(&format!("{BEEP} {options}"), name);
        let rendition = render(&studio, &path, DecodeRequest::default()).unwrap_or_else(|| panic!("{name} has none"));
        let (original, rendered) = (decode(&path).unwrap(), decode(&rendition).unwrap());
        for (first, second) in heard(&original.samples).into_iter().zip(heard(&rendered.samples)) {
            assert!(first.abs_diff(second) <= 15, "{name}: {first} ms is at {second} ms");
        }
        let lengths = [original.summary.audio_ms, rendered.summary.audio_ms];
        assert!(lengths[0].abs_diff(lengths[1]) < 150, "{name}: {lengths:?}");
        let bytes = std::fs::metadata(rendition).unwrap().len();
        assert!((25_000..=36_000).contains(&bytes), "{name}: {bytes} bytes are not 48 kbit/s");
    }
}

#[test]
fn what_browsers_play_is_left_alone() {
    let studio = Studio::new();
    for (options, name) in [
        ("-c:a pcm_s16le", "beep.wav"),
        ("-c:a libmp3lame", "beep.mp3"),
        ("-c:a aac", "beep.m4a"),
        ("-c:a libopus -ar 48000", "beep.ogg"),
        ("-c:a libopus -ar 48000", "beep.webm"),
        ("-c:a flac", "beep.flac"),
    ] {
        let path = studio.record(&format!("{BEEP} {options}"), name);
        assert_eq!(render(&studio, &path, DecodeRequest::default()), None, "{name}");
    }
}

#[test]
fn another_track_than_browsers_choose_and_every_channel_are_heard_in_it() {
    let studio = Studio::new();
    let silence = "-f lavfi -t 5 -i anullsrc=r=44100:cl=mono";
    let tracks = studio.record(&format!("{silence} {BEEP} -map 0 -map 1 -c:a aac"), "tracks.m4a");
    let second = DecodeRequest { track: Some(AudioTrack::Number(2)), ..DecodeRequest::default() };
    let rendition = render(&studio, &tracks, second).unwrap();
    assert!(heard(&decode(&rendition).unwrap().samples)[0].abs_diff(2_000) < 30);

    let sides = "-f lavfi -i aevalsrc='between(t,1,2)*sin(880*2*PI*t)|between(t,3,4)*sin(440*2*PI*t)':d=5:s=16000";
    let call = studio.record(&format!("{sides} -c:a pcm_mulaw"), "call.wav");
    let separate = DecodeRequest { channels: Channels::Separate, ..DecodeRequest::default() };
    let rendition = render(&studio, &call, separate).unwrap();
    let [first, last] = heard(&decode(&rendition).unwrap().samples);
    assert!(first.abs_diff(1_000) < 30 && last.abs_diff(4_000) < 30, "{first} to {last} ms");
}
