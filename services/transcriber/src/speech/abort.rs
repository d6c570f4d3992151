//! One run of whisper.cpp under a flag that stops it: the one place that hands it callbacks.
//!
//! whisper-rs 0.16.0 `set_abort_callback_safe` reads the boxed closure back as the wrong type, which is undefined for a
//! plain closure, and never frees it. So whisper.cpp's own callbacks are set here, on plain atomics. The flag is looked
//! at after each encoder pass and each token.

#![allow(unsafe_code, reason = "the crate's safe setter is unsound")]

use std::{
    ffi::c_void,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use whisper_rs::{FullParams, WhisperError, WhisperState, WhisperSysContext, WhisperSysState};

/// Recognises `samples` and says how many encoder passes that took. Once `cancel` is set whisper.cpp answers with an
/// error.
pub(super) fn full_unless(
    cancel: &AtomicBool,
    state: &mut WhisperState,
    mut params: FullParams<'_, '_>,
    samples: &[f32],
) -> Result<u32, WhisperError> {
    let passes = AtomicU32::new(0);
    // SAFETY: both atomics outlive the call below, which alone uses the parameters: they are consumed by it, and
    // whisper.cpp keeps none of these pointers. The callbacks only touch an atomic and cannot unwind.
    unsafe {
        params.set_abort_callback(Some(is_set));
        params.set_abort_callback_user_data(std::ptr::from_ref(cancel).cast_mut().cast());
        params.set_start_encoder_callback(Some(count));
        params.set_start_encoder_callback_user_data(std::ptr::from_ref(&passes).cast_mut().cast());
    }
    state.full(params, samples)?;
    Ok(passes.into_inner())
}

/// # Safety
/// `flag` points at a live `AtomicBool`.
unsafe extern "C" fn is_set(flag: *mut c_void) -> bool {
    // SAFETY: as above.
    unsafe { (*flag.cast::<AtomicBool>()).load(Ordering::Relaxed) }
}

/// # Safety
/// `passes` points at a live `AtomicU32`.
unsafe extern "C" fn count(_: *mut WhisperSysContext, _: *mut WhisperSysState, passes: *mut c_void) -> bool {
    // SAFETY: as above.
    unsafe { (*passes.cast::<AtomicU32>()).fetch_add(1, Ordering::Relaxed) };
    true
}

#[cfg(test)]
mod tests {
    use std::{process::Command, sync::Arc};

    use whisper_rs::SamplingStrategy;

    use super::*;
    use crate::speech::model::tests::test_model;

    /// Speech that the model hears in two pieces: half a minute, and the rest.
    fn speech_of_two_passes() -> Vec<f32> {
        let filter = "flite=text='Then it sleeps in the warm sun all afternoon.',aloop=-1:2e9,atrim=end=40";
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", filter, "-ar", "16000", "-f", "f32le", "-"])
            .output()
            .expect("these tests need the ffmpeg command: `make test` installs it");
        output.stdout.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect()
    }

    fn parameters() -> FullParams<'static, 'static> {
        let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        parameters.set_language(Some("en"));
        // The same sentence over and over would pass for a loop, and be tried at every temperature.
        parameters.set_temperature_inc(0.0);
        parameters.set_n_threads(1);
        parameters
    }

    #[test]
    fn a_flag_set_half_way_stops_the_run_where_it_is() {
        let samples = speech_of_two_passes();
        let model = test_model();
        let mut state = model.context().create_state().unwrap();
        let cancel = Arc::new(AtomicBool::new(false));

        full_unless(&cancel, &mut state, parameters(), &samples).unwrap();
        let last_end = |state: &WhisperState| state.as_iter().last().map_or(0, |segment| segment.end_timestamp());
        assert!(last_end(&state) > 3_500, "an undisturbed run hears all of it");

        let mut disturbed = parameters();
        let flag = Arc::clone(&cancel);
        let set: Box<dyn FnMut(whisper_rs::SegmentCallbackData)> =
            Box::new(move |_| flag.store(true, Ordering::Relaxed));
        disturbed.set_segment_callback_safe::<_, Box<dyn FnMut(whisper_rs::SegmentCallbackData)>>(set);
        assert!(full_unless(&cancel, &mut state, disturbed, &samples).is_err());
        let heard = last_end(&state);
        assert!((1..=3_000).contains(&heard), "it stopped after the first half minute, at {heard}");

        full_unless(&AtomicBool::new(false), &mut state, parameters(), &samples[..160_000]).unwrap();
        assert!(state.full_n_segments() > 0, "the slot is usable after a canceled run");
    }
}
