//! The one place that lets a flag stop a running recognition.
//!
//! whisper-rs 0.16.0 `set_abort_callback_safe` reads the boxed closure back as the wrong type, which is undefined for a
//! plain closure, and never frees it. So whisper.cpp's own callback is set here, on the flag itself. It is asked after
//! each encoder pass and after each token.

#![allow(unsafe_code, reason = "the crate's safe setter is unsound")]

use std::{
    ffi::c_void,
    sync::atomic::{AtomicBool, Ordering},
};

use whisper_rs::{FullParams, WhisperError, WhisperState};

/// Recognises `samples` until done or `cancel` is set, in which case whisper.cpp answers with an error.
pub(super) fn full_unless(
    cancel: &AtomicBool,
    state: &mut WhisperState,
    mut params: FullParams<'_, '_>,
    samples: &[f32],
) -> Result<(), WhisperError> {
    // SAFETY: the flag outlives the call below, which alone uses the parameters: they are consumed by it, and
    // whisper.cpp keeps neither pointer. The callback only reads an atomic and cannot unwind.
    unsafe {
        params.set_abort_callback(Some(is_set));
        params.set_abort_callback_user_data(std::ptr::from_ref(cancel).cast_mut().cast());
    }
    state.full(params, samples)
}

/// # Safety
/// `flag` points at a live `AtomicBool`.
unsafe extern "C" fn is_set(flag: *mut c_void) -> bool {
    // SAFETY: as above.
    unsafe { (*flag.cast::<AtomicBool>()).load(Ordering::Relaxed) }
}

#[cfg(test)]
mod tests {
    use std::{process::Command, sync::Arc};

    use whisper_rs::SamplingStrategy;

    use super::*;
    use crate::speech::model::tests::test_model;

    /// About a minute of speech, which the model hears in pieces of half a minute.
    fn a_minute_of_speech() -> Vec<f32> {
        let filter = "flite=text='Then it sleeps in the warm sun all afternoon.',aloop=-1:2e9,atrim=end=60";
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", filter, "-ar", "16000", "-f", "f32le", "-"])
            .output()
            .expect("these tests need the ffmpeg command: `make test` installs it");
        output.stdout.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect()
    }

    fn parameters() -> FullParams<'static, 'static> {
        let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        parameters.set_language(Some("en"));
        parameters
    }

    #[test]
    fn a_flag_set_half_way_stops_the_run_where_it_is() {
        let samples = a_minute_of_speech();
        let model = test_model();
        let mut state = model.context().create_state().unwrap();
        let cancel = Arc::new(AtomicBool::new(false));

        full_unless(&cancel, &mut state, parameters(), &samples).unwrap();
        let last_end = |state: &WhisperState| state.as_iter().last().map_or(0, |segment| segment.end_timestamp());
        assert!(last_end(&state) > 4_500, "an undisturbed run hears the whole minute");

        let mut disturbed = parameters();
        let flag = Arc::clone(&cancel);
        let set: Box<dyn FnMut(whisper_rs::SegmentCallbackData)> = Box::new(move |_| flag.store(true, Ordering::Relaxed));
        disturbed.set_segment_callback_safe::<_, Box<dyn FnMut(whisper_rs::SegmentCallbackData)>>(set);
        assert!(full_unless(&cancel, &mut state, disturbed, &samples).is_err());
        let heard = last_end(&state);
        assert!((1..=3_500).contains(&heard), "it stopped after the first half minute, at {heard}");

        full_unless(&AtomicBool::new(false), &mut state, parameters(), &samples[..160_000]).unwrap();
        assert!(state.full_n_segments() > 0, "the slot is usable after a canceled run");
    }
}
