//! Opens an upload with `FFmpeg` and picks what to listen to. Only formats that hold their own sound are on the list, no
//! protocol is, and the input is an open file: nothing the upload says can make `FFmpeg` open anything else.

#![allow(
    unsafe_code,
    reason = "the crate has no safe view of how a duration was found, the start time, and all codecs"
)]

use std::{
    ffi::CStr,
    fs::File,
    io::{BufReader, Seek},
    ptr,
    sync::LazyLock,
};

use escriba_domain::FailureCode;
use ffmpeg_next::{
    Dictionary, Error, Rational, Stream,
    codec::{self, Id, decoder},
    ffi::{
        AVDurationEstimationMethod::AVFMT_DURATION_FROM_BITRATE, AVMediaType::AVMEDIA_TYPE_AUDIO, av_codec_is_decoder,
        av_codec_iterate, av_max_alloc,
    },
    format::{
        self,
        context::{Input, StreamIo},
        stream::Disposition,
    },
    media,
};

use crate::media::{
    SAMPLE_RATE,
    request::DecodeRequest,
    tracks::{self, Described},
};

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

/// Silence in FLAC takes more than this.
const LEAST_BYTES_A_SECOND: u64 = 100;

/// The largest piece of memory that `FFmpeg` may ask for: what a file claims to need is no reason to have it.
const LARGEST_PIECE: usize = 256 << 20;

/// What can be done before there is a file.
pub(super) fn prepare() {
    // FFmpeg's messages quote the upload, which has no place in the operator's logs.
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
    // SAFETY: it sets a number, and no other thread reads it.
    unsafe { av_max_alloc(LARGEST_PIECE) };
    audio_decoders();
}

/// The names of all decoders of sound, separated by commas.
fn audio_decoders() -> &'static str {
    static NAMES: LazyLock<String> = LazyLock::new(|| {
        let mut names = Vec::new();
        let mut place = ptr::null_mut();
        // SAFETY: the place is the library's own mark of how far it has come; descriptions are static.
        while let Some(codec) = unsafe { av_codec_iterate(&raw mut place).as_ref() } {
            // SAFETY: as above.
            if codec.type_ == AVMEDIA_TYPE_AUDIO && unsafe { av_codec_is_decoder(codec) } != 0 {
                // SAFETY: a codec's name is a static C string.
                names.push(unsafe { CStr::from_ptr(codec.name) }.to_string_lossy());
            }
        }
        names.join(",")
    });
    &NAMES
}

/// Opens what `file` holds. `damaged` is the failure that an unreadable file means.
pub(super) fn open(mut file: File, request: &DecodeRequest, damaged: FailureCode) -> Result<Recording, FailureCode> {
    file.rewind().map_err(|_| damaged)?;
    let io = StreamIo::from_read_seek(BufReader::new(file)).map_err(|_| damaged)?;
    let mut options = Dictionary::new();
    options.set("format_whitelist", FORMATS);
    options.set("protocol_whitelist", "none");
    // Pictures are never looked at, so their decoders are nobody's way in either.
    options.set("codec_whitelist", audio_decoders());
    let input = format::input_from_stream(io, None, Some(options)).map_err(|_| damaged)?;
    if input.probe_score() < LEAST_PROBE_SCORE {
        return Err(FailureCode::MediaUnrecognized);
    }
    let track = choose_track(&input, request)?;
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

    /// How many channels the track has.
    pub(super) fn channels(&self) -> usize {
        // SAFETY: the decoder is open and nothing else refers to it.
        let layout = unsafe { (*self.track.decoder.as_ptr()).ch_layout };
        usize::try_from(layout.nb_channels).unwrap_or(0)
    }

    /// Whether usual browsers play the track by themselves (source: MDN's guides to containers and codecs for the web).
    pub(super) fn is_playable(&self) -> bool {
        let first = self.input.streams().find(|stream| stream.parameters().medium() == media::Type::Audio);
        // Of several tracks, browsers play the first.
        let plays_this = first.is_some_and(|stream| stream.index() == self.track.index);
        let pictures = self.input.streams().filter(|stream| stream.parameters().medium() == media::Type::Video);
        let shows = |id| matches!(id, Id::H264 | Id::AV1 | Id::VP8 | Id::VP9 | Id::MJPEG | Id::PNG);
        let shows_all = pictures.into_iter().all(|stream| shows(stream.parameters().id()));
        let codec = self.track.decoder.id();
        let plays = match self.input.format().name() {
            "mp3" => matches!(codec, Id::MP3),
            "wav" => matches!(codec, Id::PCM_S16LE | Id::PCM_U8 | Id::PCM_S24LE | Id::PCM_F32LE),
            "flac" => matches!(codec, Id::FLAC),
            "ogg" => matches!(codec, Id::OPUS | Id::VORBIS | Id::FLAC),
            "aac" => matches!(codec, Id::AAC),
            "matroska,webm" => matches!(codec, Id::OPUS | Id::VORBIS),
            "mov,mp4,m4a,3gp,3g2,mj2" => matches!(codec, Id::AAC | Id::MP3 | Id::OPUS | Id::FLAC),
            _ => false,
        };
        plays_this && shows_all && plays
    }

    pub(super) fn is_ogg(&self) -> bool {
        self.input.format().name() == "ogg"
    }

    /// The length, if the header states it and can be believed: broadcasts restart their clocks, and a file of so few
    /// bytes holds no such length in any codec. In milliseconds.
    pub(super) fn believable_ms(&self, file_bytes: u64) -> Option<u64> {
        let is_broadcast = matches!(self.input.format().name(), "mpegts" | "mpeg");
        let stated = self.stated.track.or(self.stated.whole).filter(|_| !is_broadcast)?;
        (stated / 1_000 * LEAST_BYTES_A_SECOND < file_bytes).then_some(stated)
    }
}

/// The first of the tracks meant that has a decoder.
fn choose_track(input: &Input, request: &DecodeRequest) -> Result<Track, FailureCode> {
    let is_audio = |stream: &Stream<'_>| stream.parameters().medium() == media::Type::Audio;
    let streams: Vec<_> = input.streams().filter(is_audio).collect();
    let best = input.streams().best(media::Type::Audio).ok_or(FailureCode::MediaNoAudio)?.index();
    let described: Vec<_> = streams.iter().map(|stream| describe(stream, best)).collect();
    let order = tracks::in_order(&described, request.track.as_ref(), request.language);
    if order.is_empty() {
        return Err(FailureCode::MediaNoSuchTrack);
    }
    order.into_iter().find_map(|place| open_track(&streams[place])).ok_or(FailureCode::MediaUndecodable)
}

fn describe(stream: &Stream<'_>, best: usize) -> Described {
    let (disposition, tags) = (stream.disposition(), stream.metadata());
    let aside = Disposition::COMMENT
        | Disposition::HEARING_IMPAIRED
        | Disposition::VISUAL_IMPAIRED
        | Disposition::KARAOKE
        | Disposition::CLEAN_EFFECTS;
    let title = tags.get("title").unwrap_or_default().to_lowercase();
    Described {
        language: tags.get("language").filter(|tag| *tag != "und").map(str::to_owned),
        is_default: disposition.contains(Disposition::DEFAULT),
        is_aside: disposition.intersects(aside) || title.contains("commentary"),
        is_best: stream.index() == best,
    }
}

fn open_track(stream: &Stream<'_>) -> Option<Track> {
    let mut decoder = codec::Context::from_parameters(stream.parameters()).ok()?.decoder();
    decoder.set_packet_time_base(stream.time_base());
    let decoder = decoder.audio().ok()?;
    Some(Track { index: stream.index(), decoder, time_base: stream.time_base() })
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
