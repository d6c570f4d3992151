//! The decoding child: `escriba-transcriber decode`, started by [`super::Decoder`] with the upload as its standard
//! input (an open, seekable file, never a path) and a pipe as its standard output. It gives up its rights before it
//! reads a byte, says everything in [`super::frames`], and must print nothing else to standard output.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek, Write},
    os::fd::AsFd,
    process::ExitCode,
};

use escriba_domain::{FailureCode, WarningCode};

use crate::media::{
    confine,
    decoding::{Decoding, Stop},
    demux::{self, Stated},
    frames::FrameWriter,
    ogg_tail,
    riff::{self, WavLength},
    sniff,
};

/// The child's whole life. It fails only if it could not be confined or nobody listens any more: a file that cannot be
/// decoded is a result.
pub fn main() -> ExitCode {
    if let Err(error) = confine::confine() {
        eprintln!("the decoder could not be confined: {error}");
        return ExitCode::FAILURE;
    }
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer() -> io::Result<()> {
    let upload = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let pipe = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut out = FrameWriter::new(BufWriter::new(pipe))?;
    match decode(upload, &mut out) {
        Ok(samples) => out.end(samples),
        Err(Stop::Media(code)) => out.failed(code),
        Err(Stop::Pipe(error)) => Err(error),
    }
}

fn decode(mut upload: File, out: &mut FrameWriter<impl Write>) -> Result<u64, Stop> {
    // FFmpeg's messages quote the upload, which has no place in the operator's logs.
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
    let mut head = Vec::new();
    upload.rewind()?;
    (&mut upload).take(sniff::HEAD_BYTES as u64).read_to_end(&mut head)?;
    if let Some(code) = sniff::refusal(&head) {
        return Err(Stop::Media(code));
    }
    let damaged =
        if sniff::looks_like_recording(&head) { FailureCode::MediaUndecodable } else { FailureCode::MediaUnrecognized };
    let mut tail = upload.try_clone()?;
    let mut recording = demux::open(upload, damaged).map_err(Stop::Media)?;
    let file_bytes = tail.metadata()?.len();
    match riff::stated_length(&head, file_bytes) {
        WavLength::Stated(ms) => recording.stated = Stated { guess: ms, track: Some(ms), whole: Some(ms) },
        WavLength::Unknown => recording.stated = Stated { track: None, whole: None, ..recording.stated },
        WavLength::Silent => {}
    }
    out.info(recording.stated.guess)?;
    let is_ogg = recording.is_ogg();
    let decoded = Decoding::new(recording, out).run()?;
    let breaks_off = riff::avi_breaks_off(&head, file_bytes) || (is_ogg && ogg_tail::is_truncated(&mut tail)?);
    if decoded.truncated || breaks_off {
        out.warning(WarningCode::MediaTruncated)?;
    }
    Ok(decoded.samples)
}
