//! What is sent: speech of several lengths, files that hold none, and one that kills whoever hears it. Made once a run
//! from the project's samples; nothing here knows how Escriba transcribes.

use std::fs;

use bytes::Bytes;
use escriba_domain::FailureCode;
use escriba_e2e::{Spoken, Studio};

/// What becomes of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is transcribed, and quickly so.
    Short,
    /// It is transcribed, and that takes long enough to be interrupted.
    Long,
    /// It fails, with this code.
    Broken(FailureCode),
    /// It kills every worker that hears it.
    Poison,
}

#[derive(Debug, Clone)]
pub(crate) struct Recording {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) bytes: Bytes,
}

/// So many of a hundred samples of the poisonous recording are clipped at least, and of no other.
pub(crate) const POISON_PERCENT: u8 = 30;

/// Makes all recordings.
pub(crate) fn make() -> Vec<Recording> {
    let studio = Studio::default();
    let (english, spanish) = (Spoken::english().file, Spoken::spanish().file);
    let recording = |name, kind, path: &std::path::Path| {
        let bytes = fs::read(path).expect("a recording of ours can be read");
        Recording { name, kind, bytes: bytes.into() }
    };
    let form = |source, arguments, name| studio.convert(source, arguments, name);
    let one_then_other = format!("-i {} -filter_complex concat=n=2:v=0:a=1 -ar 16000 -ac 1", spanish.display());
    let both = form(&english, &one_then_other, "both.wav");
    let pauses = form(&both, "-af apad=pad_dur=6", "pauses.flac");
    let lecture = studio.repeat(&both, 4, "lecture.flac");
    let book = studio.repeat(&both, 10, "book.flac");
    let cut = studio.cut(&pauses, 60);
    let poison = form(&english, "-t 4 -af volume=60dB -ar 16000 -ac 1 -c:a pcm_s16le", "poison.wav");
    let picture = studio.make("-f lavfi -i color=red:s=64x64 -frames:v 1", "picture.png");
    let film = studio.make("-f lavfi -i color=red:s=64x64:d=1 -c:v mpeg4", "film.mp4");
    let notes = studio.write("notes.mp3", "These are notes, and no recording. ".repeat(50));
    let list = studio.write("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:1/a.ts\n");
    let empty = studio.write("empty.wav", "");
    vec![
        recording("english.m4a", Kind::Short, &english),
        recording("spanish.ogg", Kind::Short, &spanish),
        recording("pauses.flac", Kind::Short, &pauses),
        recording("cut.flac", Kind::Short, &cut),
        recording("lecture.flac", Kind::Long, &lecture),
        recording("book.flac", Kind::Long, &book),
        recording("empty.wav", Kind::Broken(FailureCode::MediaEmpty), &empty),
        recording("notes.mp3", Kind::Broken(FailureCode::MediaUnrecognized), &notes),
        recording("picture.png", Kind::Broken(FailureCode::MediaIsImage), &picture),
        recording("list.m3u8", Kind::Broken(FailureCode::MediaIsPlaylist), &list),
        recording("film.mp4", Kind::Broken(FailureCode::MediaNoAudio), &film),
        recording("poison.wav", Kind::Poison, &poison),
    ]
}
