//! Whatever the decoder gives, as 16 kHz mono `i16`. The input may change its rate, format or channels at any frame; the
//! resampler is then drained and made anew. It keeps no more than the resampling filter's few milliseconds.

#![allow(unsafe_code, reason = "swresample's own interface: the crate's wrapper cuts off unknown channel layouts")]

use std::ptr;

use ffmpeg_next::{
    Error,
    ffi::{
        AVChannelLayout, AVChannelOrder, AVSampleFormat, SwrContext, av_channel_layout_default, swr_alloc_set_opts2,
        swr_convert, swr_free, swr_get_delay, swr_get_out_samples, swr_init,
    },
    frame,
};

use crate::media::{SAMPLE_RATE, downmix};

/// The most channels whose usual order swresample knows how to mix.
const MIXABLE: i32 = 8;

const OUT_RATE: i32 = SAMPLE_RATE.cast_signed();

#[derive(Default)]
pub(super) struct Resampler {
    current: Option<Current>,
}

struct Current {
    shape: Shape,
    swr: Swr,
    /// Channels are averaged before, because swresample cannot mix them.
    averaged: bool,
}

/// What of a frame the resampler depends on.
#[derive(PartialEq)]
struct Shape {
    rate: i32,
    format: AVSampleFormat,
    order: AVChannelOrder,
    channels: i32,
    mask: u64,
}

impl Resampler {
    /// Appends what `frame` becomes to `out`.
    pub(super) fn convert(&mut self, frame: &frame::Audio, out: &mut Vec<i16>) -> Result<(), Error> {
        let shape = Shape::of(frame);
        if self.current.as_ref().is_none_or(|current| current.shape != shape) {
            self.drain(out)?;
            self.current = Some(Current::new(frame, shape)?);
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        let samples = i32::try_from(frame.samples()).map_err(|_| Error::InvalidData)?;
        if current.averaged {
            let mono = downmix::mean(frame).ok_or(Error::InvalidData)?;
            let mut plane = mono.as_ptr().cast::<u8>();
            // SAFETY: one plane of as many `f32` as are announced, alive during the call.
            unsafe { current.swr.convert(&raw mut plane, samples, out) }
        } else {
            // SAFETY: the planes are the frame's own, in the format this resampler was made for.
            unsafe { current.swr.convert((*frame.as_ptr()).extended_data.cast(), samples, out) }
        }
    }

    /// Appends what the filter still holds to `out`; the next frame starts afresh.
    pub(super) fn drain(&mut self, out: &mut Vec<i16>) -> Result<(), Error> {
        match self.current.take() {
            // SAFETY: no input asks swresample for its remainder.
            Some(mut current) => unsafe { current.swr.convert(ptr::null_mut(), 0, out) },
            None => Ok(()),
        }
    }

    /// Samples taken in and not yet given out, counted as they will come out.
    pub(super) fn held(&self) -> u64 {
        let held = self.current.as_ref().map_or(0, |current| current.swr.delay());
        u64::try_from(held).unwrap_or(0)
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
    fn new(frame: &frame::Audio, shape: Shape) -> Result<Self, Error> {
        // SAFETY: the frame is alive; the layout is only read.
        let mut layout = unsafe { (*frame.as_ptr()).ch_layout };
        let is_native = layout.order == AVChannelOrder::AV_CHANNEL_ORDER_NATIVE;
        if !is_native && layout.nb_channels <= MIXABLE {
            layout = usual_layout(layout.nb_channels);
        }
        let mixable = is_native || layout.nb_channels <= MIXABLE;
        let mixed = if mixable { Swr::new(&mut layout, shape.format, shape.rate).ok() } else { None };
        let averaged = mixed.is_none();
        let swr = match mixed {
            Some(swr) => swr,
            None => Swr::new(&mut usual_layout(1), AVSampleFormat::AV_SAMPLE_FMT_FLT, shape.rate)?,
        };
        Ok(Self { shape, swr, averaged })
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

/// An initialised `SwrContext` that gives out 16 kHz mono `i16`, freed when dropped.
struct Swr(*mut SwrContext);

impl Swr {
    fn new(layout: &mut AVChannelLayout, format: AVSampleFormat, rate: i32) -> Result<Self, Error> {
        let mut swr = Self(ptr::null_mut());
        let mut mono = usual_layout(1);
        let out_format = AVSampleFormat::AV_SAMPLE_FMT_S16;
        // SAFETY: a null context is allocated by the call; the layouts outlive it.
        let made = unsafe {
            swr_alloc_set_opts2(
                &raw mut swr.0,
                &raw mut mono,
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
        // SAFETY: the context was allocated just now.
        check(unsafe { swr_init(swr.0) })?;
        Ok(swr)
    }

    /// # Safety
    /// `planes` is null, or points at a plane a channel (or one, if interleaved) of `samples` samples in the format
    /// given to [`Swr::new`].
    unsafe fn convert(&mut self, planes: *mut *const u8, samples: i32, out: &mut Vec<i16>) -> Result<(), Error> {
        // SAFETY: the context is initialised.
        let room = check(unsafe { swr_get_out_samples(self.0, samples) })?;
        let before = out.len();
        out.resize(before + room, 0);
        let mut plane = out[before..].as_mut_ptr().cast::<u8>();
        let room = i32::try_from(room).map_err(|_| Error::InvalidData)?;
        // SAFETY: the caller vouches for the input; the output has the room that is announced.
        let given = check(unsafe { swr_convert(self.0, &raw mut plane, room, planes, samples) });
        out.truncate(before + given.unwrap_or(0));
        given.map(|_| ())
    }

    fn delay(&self) -> i64 {
        // SAFETY: the context is initialised.
        unsafe { swr_get_delay(self.0, i64::from(OUT_RATE)) }
    }
}

impl Drop for Swr {
    fn drop(&mut self) {
        // SAFETY: the context is ours or null, which the call allows.
        unsafe { swr_free(&raw mut self.0) }
    }
}

fn check(code: i32) -> Result<usize, Error> {
    usize::try_from(code).map_err(|_| Error::from(code))
}
