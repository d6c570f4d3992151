//! Whatever the decoder gives, as 16 kHz `f32`: mixed to one channel, or each channel as it is. The input may change its
//! rate, format or channels at any frame; the resampler is then drained and made anew. It keeps no more than the
//! resampling filter's few milliseconds and a tenth of a second for mixing.

#![allow(unsafe_code, reason = "swresample's own interface: the crate's wrapper cuts off unknown channel layouts")]

use std::{ops::RangeInclusive, ptr};

use ffmpeg_next::{
    Error,
    ffi::{
        AVChannelLayout, AVChannelOrder, AVSampleFormat, SwrContext, av_channel_layout_default, av_opt_set_double,
        swr_alloc_set_opts2, swr_convert, swr_free, swr_get_delay, swr_get_out_samples, swr_init,
    },
    frame,
};

use crate::media::{SAMPLE_RATE, downmix, pair_mixer::PairMixer};

/// The most channels whose usual order swresample knows how to mix.
const MIXABLE: i32 = 8;

/// Rates that recordings have. What a header says beyond them would make the filter grow without end.
const RATES: RangeInclusive<i32> = 1_000..=1_536_000;

/// No sample is louder than this many times full scale: headers can also lie about what a number means.
const LOUDEST: f32 = 8.0;

const OUT_RATE: i32 = SAMPLE_RATE.cast_signed();

pub(super) struct Resampler {
    /// How many channels come out.
    channels: usize,
    current: Option<Current>,
}

struct Current {
    shape: Shape,
    swr: Swr,
    way: Way,
}

/// How a frame's channels become those that come out.
enum Way {
    /// swresample does it all.
    Plain,
    /// Channels are averaged before, because swresample cannot mix them.
    Averaged,
    /// Two are mixed after.
    Paired(PairMixer),
}

/// What of a frame the resampler depends on.
#[derive(Clone, Copy, PartialEq)]
struct Shape {
    rate: i32,
    format: AVSampleFormat,
    order: AVChannelOrder,
    channels: i32,
    mask: u64,
}

impl Resampler {
    /// Gives out so many channels. More than one are a frame's own; a frame that has not as many is mixed into the
    /// first, and the others are silent meanwhile.
    pub(super) fn new(channels: usize) -> Self {
        Self { channels, current: None }
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Appends what `frame` becomes to `out`, interleaved.
    pub(super) fn convert(&mut self, frame: &frame::Audio, out: &mut Vec<f32>) -> Result<(), Error> {
        let shape = Shape::of(frame);
        if self.current.as_ref().is_none_or(|current| current.shape != shape) {
            self.drain(out)?;
            self.current = Some(Current::new(frame, shape, self.channels)?);
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        let samples = i32::try_from(frame.samples()).map_err(|_| Error::InvalidData)?;
        let mut given = Vec::new();
        if let Way::Averaged = current.way {
            let mono = downmix::mean(frame).ok_or(Error::InvalidData)?;
            let mut plane = mono.as_ptr().cast::<u8>();
            // SAFETY: one plane of as many `f32` as are announced, alive during the call.
            unsafe { current.swr.convert(&raw mut plane, samples, &mut given)? };
        } else {
            // SAFETY: the planes are the frame's own, in the format this resampler was made for.
            unsafe { current.swr.convert((*frame.as_ptr()).extended_data.cast(), samples, &mut given)? };
        }
        self.give(given, out);
        Ok(())
    }

    /// Appends what is still held to `out`; the next frame starts afresh.
    pub(super) fn drain(&mut self, out: &mut Vec<f32>) -> Result<(), Error> {
        let mut given = Vec::new();
        if let Some(current) = &mut self.current {
            // SAFETY: no input asks swresample for its remainder.
            unsafe { current.swr.convert(ptr::null_mut(), 0, &mut given)? };
            self.give(given, out);
        }
        if let Some(Current { way: Way::Paired(mut mixer), .. }) = self.current.take() {
            let mut mono = Vec::new();
            mixer.finish(&mut mono);
            spread(&mono, self.channels, out);
        }
        Ok(())
    }

    /// Samples of a channel taken in and not yet given out, counted as they will come out.
    pub(super) fn held(&self) -> u64 {
        let Some(current) = &self.current else { return 0 };
        let mixing = if let Way::Paired(mixer) = &current.way { mixer.held() } else { 0 };
        u64::try_from(current.swr.delay()).unwrap_or(0) + mixing as u64
    }

    fn give(&mut self, mut given: Vec<f32>, out: &mut Vec<f32>) {
        let Some(current) = &mut self.current else { return };
        for sample in &mut given {
            *sample = if sample.is_nan() { 0.0 } else { sample.clamp(-LOUDEST, LOUDEST) };
        }
        if let Way::Paired(mixer) = &mut current.way {
            let mut mono = Vec::with_capacity(given.len() / 2);
            mixer.mix(&given, &mut mono);
            spread(&mono, self.channels, out);
        } else if current.swr.channels == self.channels {
            out.append(&mut given);
        } else {
            spread(&given, self.channels, out);
        }
    }
}

/// One channel as the first of several.
fn spread(mono: &[f32], channels: usize, out: &mut Vec<f32>) {
    for &sample in mono {
        out.push(sample);
        out.resize(out.len() + channels - 1, 0.0);
    }
}

impl Shape {
    fn of(frame: &frame::Audio) -> Self {
        // SAFETY: the frame is alive, and the mask is only a number whatever the order makes of it.
        let (layout, rate) = unsafe { ((*frame.as_ptr()).ch_layout, (*frame.as_ptr()).sample_rate) };
        Self {
            rate,
            format: frame.format().into(),
            order: layout.order,
            channels: layout.nb_channels,
            // SAFETY: as above.
            mask: unsafe { layout.u.mask },
        }
    }
}

impl Current {
    fn new(frame: &frame::Audio, shape: Shape, wanted: usize) -> Result<Self, Error> {
        if !RATES.contains(&shape.rate) {
            return Err(Error::InvalidData);
        }
        // SAFETY: the frame is alive; the layout is only read.
        let mut layout = unsafe { (*frame.as_ptr()).ch_layout };
        let is_native = layout.order == AVChannelOrder::AV_CHANNEL_ORDER_NATIVE;
        if !is_native && layout.nb_channels <= MIXABLE {
            layout = usual_layout(layout.nb_channels);
        }
        let own = usize::try_from(layout.nb_channels).unwrap_or(0);
        let (Shape { format, rate, .. }, each) = (shape, own == wanted && wanted > 1);
        if each || own == 2 {
            let way = if each { Way::Plain } else { Way::Paired(PairMixer::default()) };
            let swr = Swr::new(&layout, format, rate, &layout)?;
            return Ok(Self { shape, swr, way });
        }
        let mono = usual_layout(1);
        let mixable = is_native || layout.nb_channels <= MIXABLE;
        if mixable && let Ok(swr) = Swr::new(&layout, format, rate, &mono) {
            return Ok(Self { shape, swr, way: Way::Plain });
        }
        let swr = Swr::new(&mono, AVSampleFormat::AV_SAMPLE_FMT_FLT, rate, &mono)?;
        Ok(Self { shape, swr, way: Way::Averaged })
    }
}

fn usual_layout(channels: i32) -> AVChannelLayout {
    // SAFETY: all zero is the documented blank layout, and the call fills it in.
    unsafe {
        let mut layout = std::mem::zeroed();
        av_channel_layout_default(&raw mut layout, channels);
        layout
    }
}

/// An initialised `SwrContext` that gives out interleaved `f32` at 16 kHz, freed when dropped.
struct Swr {
    context: *mut SwrContext,
    channels: usize,
}

impl Swr {
    fn new(
        layout: &AVChannelLayout,
        format: AVSampleFormat,
        rate: i32,
        out_layout: &AVChannelLayout,
    ) -> Result<Self, Error> {
        let channels = check(out_layout.nb_channels)?;
        let mut swr = Self { context: ptr::null_mut(), channels };
        let (layout, out_layout) = (ptr::from_ref(layout).cast_mut(), ptr::from_ref(out_layout).cast_mut());
        let out_format = AVSampleFormat::AV_SAMPLE_FMT_FLT;
        // SAFETY: a null context is allocated by the call; the layouts outlive it, and it only reads them.
        let made = unsafe {
            swr_alloc_set_opts2(
                &raw mut swr.context,
                out_layout,
                out_format,
                OUT_RATE,
                layout,
                format,
                rate,
                0,
                ptr::null_mut(),
            )
        };
        check(made)?;
        // Left to itself it mixes to floats without regard to their range, and louder than to integers.
        // SAFETY: the context was allocated just now.
        check(unsafe { av_opt_set_double(swr.context.cast(), c"rematrix_maxval".as_ptr(), 1.0, 0) })?;
        // SAFETY: as above.
        check(unsafe { swr_init(swr.context) })?;
        Ok(swr)
    }

    /// # Safety
    /// `planes` is null, or points at a plane a channel (or one, if interleaved) of `samples` samples in the format
    /// given to [`Swr::new`].
    unsafe fn convert(&mut self, planes: *mut *const u8, samples: i32, out: &mut Vec<f32>) -> Result<(), Error> {
        // SAFETY: the context is initialised.
        let room = check(unsafe { swr_get_out_samples(self.context, samples) })?;
        let before = out.len();
        out.resize(before + room * self.channels, 0.0);
        let mut plane = out[before..].as_mut_ptr().cast::<u8>();
        let room = i32::try_from(room).map_err(|_| Error::InvalidData)?;
        // SAFETY: the caller vouches for the input; the output has the room that is announced.
        let given = check(unsafe { swr_convert(self.context, &raw mut plane, room, planes, samples) });
        out.truncate(before + given.unwrap_or(0) * self.channels);
        given.map(|_| ())
    }

    fn delay(&self) -> i64 {
        // SAFETY: the context is initialised.
        unsafe { swr_get_delay(self.context, i64::from(OUT_RATE)) }
    }
}

impl Drop for Swr {
    fn drop(&mut self) {
        // SAFETY: the context is ours or null, which the call allows.
        unsafe { swr_free(&raw mut self.context) }
    }
}

fn check(code: i32) -> Result<usize, Error> {
    usize::try_from(code).map_err(|_| Error::from(code))
}
