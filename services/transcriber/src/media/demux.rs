//! Opens an upload with `FFmpeg` and picks what to listen to. Only formats that hold their own sound are on the list, no
//! protocol is, and the input is an open file: nothing the upload says can make `FFmpeg` open anything else.

#![allow(unsafe_code, reason = "the crate has no safe view of how a duration was found, nor of the start time")]

use std::{
    fs::File,
    io::{BufReader, Seek},
};

use escriba_domain::FailureCode;
use ffmpeg_next::{
    Dictionary, Error, Rational,
    codec::{self, decoder},
    ffi::AVDurationEstimationMethod::AVFMT_DURATION_FROM_BITRATE,
    format::{
        self,
        context::{Input, StreamIo},
    },
    media,
};

use crate::media::SAMPLE_RATE;

/// Demuxers of self-contained recordings, by `FFmpeg`'s names. Never hls, dash, concat, sdp, image2 and their like.
const FORMATS: &str = "wav,w64,mp3,flac,ogg,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,loas,aiff,amr,amrnb,amrwb,ape,asf,\
                       avi,caf,flv,mpeg,mpegts,mxf,nut,au,gsm,tta,tak,wv,mpc,mpc8,ac3,eac3,dts,dtshd,truehd,rm,voc,\
                       nistsphere";

/// Below this, `FFmpeg` guesses: almost any bytes look a little like MP3.
const LEAST_PROBE_SCORE: i32 = 25;

/// An opened recording and the track to decode.
pub(super) struct Recording {
    pub(super) input: Input,
    pub(super) track: Track,
    pub(super) stated: Stated,
    /// Where the recording's clock starts, in microseconds.
    start_us: i64,
}

/// The track to decode.
pub(super) struct Track {
    pub(super) index: usize,
    pub(super) decoder: decoder::Audio,
    time_base: Rational,
}

/// What the header says of the recording's length, in milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Stated {
    /// The best known length, guesses from the bit rate included.
    pub(super) guess: u64,
    /// Of the track, up to its end on the recording's clock; guesses left out.
    pub(super) track: Option<u64>,
    /// Of the recording, whichever of its tracks is longest; guesses left out.
    pub(super) whole: Option<u64>,
}

/// Opens what `file` holds. `damaged` is the failure that an unreadable file means.
pub(super) fn open(mut file: File, damaged: FailureCode) -> Result<Recording, FailureCode> {
    file.rewind().map_err(|_| damaged)?;
    let io = StreamIo::from_read_seek(BufReader::new(file)).map_err(|_| damaged)?;
    let mut options = Dictionary::new();
    options.set("format_whitelist", FORMATS);
    options.set("protocol_whitelist", "none");
    let input = format::input_from_stream(io, None, Some(options)).map_err(|_| damaged)?;
    if input.probe_score() < LEAST_PROBE_SCORE {
        return Err(FailureCode::MediaUnrecognized);
    }
    let track = best_track(&input)?;
    let stated = stated(&input, &track);
    // SAFETY: the context is open and nothing else refers to it.
    let start_us = known(unsafe { (*input.as_ptr()).start_time }).unwrap_or(0);
    Ok(Recording { input, track, stated, start_us })
}

impl Recording {
    /// A time on the track's clock as a position in the recording, in samples of what is sent out.
    pub(super) fn position(&self, time: i64) -> i64 {
        let start = rescale(self.start_us, Rational(1, 1_000_000), SAMPLE_RATE);
        rescale(time, self.track.time_base, SAMPLE_RATE).saturating_sub(start)
    }

    /// Where a packet of any track ends in the recording, in milliseconds, if it says so.
    pub(super) fn packet_end_ms(&self, packet: &ffmpeg_next::Packet) -> Option<u64> {
        let time_base = self.input.stream(packet.stream())?.time_base();
        let end = packet.pts()?.saturating_add(packet.duration());
        u64::try_from(rescale(end, time_base, 1_000) - self.start_us / 1_000).ok()
    }

    pub(super) fn is_ogg(&self) -> bool {
        self.input.format().name() == "ogg"
    }
}

/// The track `FFmpeg` would play, or the first other one that has a decoder.
fn best_track(input: &Input) -> Result<Track, FailureCode> {
    let best = input.streams().best(media::Type::Audio).ok_or(FailureCode::MediaNoAudio)?.index();
    let others = input.streams().map(|stream| stream.index()).filter(|&index| index != best);
    std::iter::once(best)
        .chain(others)
        .filter_map(|index| input.stream(index))
        .filter(|stream| stream.parameters().medium() == media::Type::Audio)
        .find_map(|stream| {
            let mut decoder = codec::Context::from_parameters(stream.parameters()).ok()?.decoder();
            decoder.set_packet_time_base(stream.time_base());
            let decoder = decoder.audio().ok()?;
            Some(Track { index: stream.index(), decoder, time_base: stream.time_base() })
        })
        .ok_or(FailureCode::MediaUndecodable)
}

fn stated(input: &Input, track: &Track) -> Stated {
    // SAFETY: the context is open and nothing else refers to it.
    let (method, start) = unsafe { ((*input.as_ptr()).duration_estimation_method, (*input.as_ptr()).start_time) };
    let whole = known(input.duration()).and_then(|duration| u64::try_from(duration / 1_000).ok());
    let of_track = input.stream(track.index).and_then(|stream| {
        let end = known(stream.duration())?.saturating_add(known(stream.start_time()).unwrap_or(0));
        u64::try_from(rescale(end, track.time_base, 1_000) - known(start).unwrap_or(0) / 1_000).ok()
    });
    let trusted = method != AVFMT_DURATION_FROM_BITRATE;
    Stated {
        guess: of_track.or(whole).unwrap_or(0),
        track: of_track.filter(|_| trusted),
        whole: whole.filter(|_| trusted),
    }
}

/// `FFmpeg`'s times without its sign for "unknown".
fn known(time: i64) -> Option<i64> {
    (time != ffmpeg_next::ffi::AV_NOPTS_VALUE).then_some(time)
}

/// A time in another unit: `per_second` of them make a second. Headers can state any time base.
fn rescale(time: i64, time_base: Rational, per_second: u32) -> i64 {
    let scaled = i128::from(time) * i128::from(time_base.numerator()) * i128::from(per_second);
    let units = scaled / i128::from(time_base.denominator().max(1));
    i64::try_from(units).unwrap_or(if units < 0 { i64::MIN / 2 } else { i64::MAX / 2 })
}

/// Whether a read that failed may succeed if it is tried again.
pub(super) fn is_passing(error: Error) -> bool {
    error == Error::Other { errno: ffmpeg_next::error::EAGAIN }
}
