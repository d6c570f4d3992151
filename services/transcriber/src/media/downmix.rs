//! The mean of all channels, for layouts that swresample has no mixing matrix for: more than it knows, or in no known
//! order. It must not be used where the layout is known, for there the speech sits in some channels more than others.

#![allow(unsafe_code, reason = "the crate's safe view of a frame stops at eight channels")]

use ffmpeg_next::{
    format::{Sample, sample::Type},
    frame,
};

/// One channel of `f32` samples from a frame of any number of channels, or `None` for a format that is not known.
pub(super) fn mean(frame: &frame::Audio) -> Option<Vec<f32>> {
    let (read, planar, width) = reader(frame.format())?;
    let channels = usize::from(frame.channels());
    // SAFETY: a decoded frame has a plane a channel, or one plane of all channels interleaved, each with room for all
    // samples (AVFrame.extended_data).
    let sample = |channel: usize, index: usize| unsafe {
        let planes = (*frame.as_ptr()).extended_data;
        if planar {
            read((*planes.add(channel)).add(index * width))
        } else {
            read((*planes).add((index * channels + channel) * width))
        }
    };
    #[allow(clippy::cast_precision_loss, reason = "a frame has far fewer channels than f32 counts exactly")]
    let scale = 1.0 / channels.max(1) as f32;
    let mixed = |index| (0..channels).map(|channel| sample(channel, index)).sum::<f32>() * scale;
    Some((0..frame.samples()).map(mixed).collect())
}

type Read = unsafe fn(*const u8) -> f32;

/// How to read one sample of a format, whether each channel has its own plane, and how many bytes a sample takes.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the samples end as 16 bits")]
fn reader(format: Sample) -> Option<(Read, bool, usize)> {
    let (read, layout, width): (Read, Type, usize) = match format {
        Sample::None => return None,
        // SAFETY, here and below: the caller points at a sample of the named format; frames are aligned for it, and
        // reading unaligned costs nothing.
        Sample::U8(layout) => (|at| unsafe { (f32::from(*at) - 128.0) / 128.0 }, layout, 1),
        Sample::I16(layout) => (|at| unsafe { f32::from(at.cast::<i16>().read_unaligned()) / 32_768.0 }, layout, 2),
        Sample::I32(layout) => (|at| unsafe { at.cast::<i32>().read_unaligned() as f32 / 2_147_483_648.0 }, layout, 4),
        Sample::I64(layout) => {
            (|at| unsafe { at.cast::<i64>().read_unaligned() as f32 / 9_223_372_036_854_775_808.0 }, layout, 8)
        }
        Sample::F32(layout) => (|at| unsafe { at.cast::<f32>().read_unaligned() }, layout, 4),
        Sample::F64(layout) => (|at| unsafe { at.cast::<f64>().read_unaligned() as f32 }, layout, 8),
    };
    Some((read, layout == Type::Planar, width))
}
