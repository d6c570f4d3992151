//! The decoding child: `escriba-transcriber decode`, started by [`super::DecoderPool`] with a socket as its standard
//! input and a pipe as its standard output. It starts up, gives up its rights, and waits for a recording: an open,
//! seekable file, never a path. It decodes that one, says everything in [`super::frames`], and must print nothing else
//! to standard output.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    os::fd::AsFd,
    process::ExitCode,
};

use escriba_domain::{Channels, FailureCode, WarningCode};

use crate::media::{
    decoding::{Decoding, Sink, Stop},
    demux::{self, Stated},
    frames::FrameWriter,
    jail, listening,
    loudness::Loudness,
    ogg_tail,
    rendition::Encoder,
    request::{self, DecodeRequest},
    riff::{self, WavLength},
    sniff,
};

/// The child's whole life. It fails only if it could not be confined or nobody listens any more: a file that cannot be
/// decoded is a result.
pub fn main() -> ExitCode {
    let walls = match jail::enter() {
        Ok(walls) => walls,
        Err(error) => {
            eprintln!("the decoder could not be confined: {error}");
            return ExitCode::FAILURE;
        }
    };
    match answer(walls) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer(walls: jail::Walls) -> io::Result<()> {
    demux::prepare();
    let pipe = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut out = FrameWriter::new(BufWriter::new(pipe))?;
    out.ready(walls)?;
    let Some((upload, request)) = request::receive(io::stdin())? else { return Ok(()) };
    out.began()?;
    match decode(upload, &request, &mut out) {
        Ok(samples) => out.end(samples),
        Err(Stop::Media(code)) => out.failed(code),
        Err(Stop::Pipe(error)) => Err(error),
        Err(Stop::Enough) => Err(io::Error::other("nothing ends a decoding early that is sent")),
    }
}

/// Decodes the recording and gives the number of samples of each channel.
fn decode(mut upload: File, request: &DecodeRequest, out: &mut FrameWriter<impl Write>) -> Result<u64, Stop> {
    let mut head = Vec::new();
    upload.rewind()?;
    (&mut upload).take(sniff::HEAD_BYTES as u64).read_to_end(&mut head)?;
    if let Some(code) = sniff::refusal(&head) {
        return Err(Stop::Media(code));
    }
    let damaged =
        if sniff::looks_like_recording(&head) { FailureCode::MediaUndecodable } else { FailureCode::MediaUnrecognized };
    // All share one position, so one at a time is read from.
    let mut tail = upload.try_clone()?;
    let file_bytes = tail.seek(SeekFrom::End(0))?;
    let open = || {
        let mut recording = demux::open(upload.try_clone()?, request, damaged).map_err(Stop::Media)?;
        trust(&mut recording.stated, riff::stated_length(&head, file_bytes));
        match recording.believable_ms(file_bytes) {
            Some(ms) if ms > request.max_audio_ms => Err(Stop::Media(FailureCode::MediaTooLong)),
            _ => Ok(recording),
        }
    };
    let channels = match request.channels {
        Channels::Mix => 1,
        Channels::Separate => listening::channels(open()?, request.max_audio_ms, out)?,
    };
    let recording = open()?;
    let is_ogg = recording.is_ogg();
    let encoder = if request.rendition && !recording.is_playable() { Encoder::new(channels) } else { None };
    out.info(recording.stated.guess, u16::try_from(channels).map_err(io::Error::other)?)?;
    let mut telling = Telling::new(out, channels, encoder);
    let decoded = Decoding::new(recording, channels, request.max_audio_ms, &mut telling).run()?;
    telling.finish()?;
    let breaks_off = riff::avi_breaks_off(&head, file_bytes) || (is_ogg && ogg_tail::is_truncated(&mut tail)?);
    if decoded.truncated || breaks_off {
        out.warning(WarningCode::MediaTruncated)?;
    }
    Ok(decoded.samples)
}

/// What a WAV header states goes before what `FFmpeg` makes of the file's size, except as a guess beforehand: more than
/// there is will not come.
fn trust(stated: &mut Stated, header: WavLength) {
    match header {
        WavLength::Stated(ms) => {
            let guess = if stated.guess > 0 { ms.min(stated.guess) } else { ms };
            *stated = Stated { guess, track: Some(ms), whole: Some(ms) };
        }
        WavLength::Unknown => *stated = Stated { track: None, whole: None, ..*stated },
        WavLength::Silent => {}
    }
}

/// Samples on their way to the parent, at a level that 16 bits can hold.
struct Telling<'a, W: Write> {
    out: &'a mut FrameWriter<W>,
    channels: usize,
    loudness: Loudness,
    settled: Vec<i16>,
    /// For a rendition, if there is to be one.
    encoder: Option<Encoder>,
}

impl<'a, W: Write> Telling<'a, W> {
    fn new(out: &'a mut FrameWriter<W>, channels: usize, encoder: Option<Encoder>) -> Self {
        Self { out, channels, loudness: Loudness::new(channels), settled: Vec::new(), encoder }
    }

    fn tell(&mut self) -> io::Result<()> {
        self.out.pcm(&self.settled, self.channels)?;
        if let Some(encoder) = &mut self.encoder {
            let mut bytes = Vec::new();
            encoder.push(&self.settled, &mut bytes).map_err(io::Error::other)?;
            self.out.rendition(&bytes)?;
        }
        self.settled.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.loudness.finish(&mut self.settled);
        self.tell()?;
        if let Some(encoder) = self.encoder {
            let mut bytes = Vec::new();
            encoder.finish(&mut bytes).map_err(io::Error::other)?;
            self.out.rendition(&bytes)?;
        }
        Ok(())
    }
}

impl<W: Write> Sink for Telling<'_, W> {
    fn take(&mut self, samples: &[f32]) -> Result<(), Stop> {
        self.loudness.push(samples, &mut self.settled);
        Ok(self.tell()?)
    }

    fn damaged(&mut self) -> Result<(), Stop> {
        Ok(self.out.warning(WarningCode::MediaDamaged)?)
    }
}
