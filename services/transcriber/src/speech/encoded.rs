//! One encoder pass, and everything that is asked of it: the one place that hands callbacks to whisper.cpp.
//!
//! whisper.cpp can set the audio context and align words with the sound only inside its own run (`whisper_full`), and
//! that run knows one language, one text and one idea of when to try again. So the run is led: at the first token it
//! stops to ask which may come, and there all the asking is done, on the encoder's one pass. Then it is made to say the
//! chosen text, token by token, for its alignment, or nothing at all.
//!
//! whisper-rs 0.16.0 `set_abort_callback_safe` reads the boxed closure back as the wrong type, which is undefined for a
//! plain closure, and never frees it; callbacks are set here on plain pointers instead.

#![allow(unsafe_code, reason = "the crate has no safe way to set these callbacks, nor to decode inside one")]

use std::{
    any::Any,
    ffi::{c_int, c_void},
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    slice,
    sync::atomic::{AtomicBool, Ordering},
};

use whisper_rs::{
    FullParams, SamplingStrategy, WhisperError, WhisperState, WhisperTokenData, WhisperTokenId,
    whisper_rs_sys::{self as sys, whisper_context, whisper_state},
};

/// Milliseconds in whisper.cpp's unit of time.
const TIME_UNIT_MS: i64 = 10;

/// A text shorter than this is not aligned: whisper.cpp's filter is longer than the sound.
const SHORTEST_ALIGNED: usize = 16_000 * 4 / 10;

/// How to hear a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hearing<'a> {
    /// 16 kHz mono.
    pub(super) samples: &'a [f32],
    /// Encoder frames.
    pub(super) context: usize,
    pub(super) threads: usize,
    pub(super) cancel: &'a AtomicBool,
}

/// What came of the asking.
pub(super) struct Told<T> {
    pub(super) answer: T,
    /// Tokens of text to align with the sound; none: do not.
    pub(super) align: Vec<WhisperTokenId>,
}

/// Encodes a window and lets `ask` put its questions. Answers what it found, and where in the window each of its tokens
/// ends, in milliseconds; that list is empty if they were not or could not be aligned.
pub(super) fn hear<T>(
    state: &mut WhisperState,
    hearing: Hearing<'_>,
    ask: impl FnOnce(&mut Encoded<'_>) -> Result<Told<T>, WhisperError>,
) -> Result<(T, Vec<u64>), WhisperError> {
    let mut ask = Some(ask);
    let mut answer = None;
    let mut once = |encoded: &mut Encoded<'_>| {
        let Some(ask) = ask.take() else { return Vec::new() };
        match ask(encoded) {
            Ok(told) => {
                answer = Some(Ok(told.answer));
                if hearing.samples.len() < SHORTEST_ALIGNED { Vec::new() } else { told.align }
            }
            Err(error) => {
                answer = Some(Err(error));
                Vec::new()
            }
        }
    };
    let mut lead = Lead { ask: &mut once, threads: hearing.threads, script: Vec::new(), asked: false, panic: None };
    let mut parameters = parameters(&hearing);
    // SAFETY: `lead` and the flag outlive the call below, which alone uses the parameters: they are consumed by it, and
    // whisper.cpp keeps none of these pointers. The callbacks cannot unwind.
    unsafe {
        parameters.set_abort_callback(Some(is_set));
        parameters.set_abort_callback_user_data(std::ptr::from_ref(hearing.cancel).cast_mut().cast());
        parameters.set_filter_logits_callback(Some(lead_on));
        parameters.set_filter_logits_callback_user_data(std::ptr::from_mut(&mut lead).cast());
    }
    let ran = state.full(parameters, hearing.samples);
    let Lead { script, panic, .. } = lead;
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
    ran?;
    // A run that ends without having asked was canceled, or had nothing to hear.
    let answer = answer.unwrap_or(Err(WhisperError::FailedToDecode))?;
    Ok((answer, alignment(state, &script)))
}

fn parameters(hearing: &Hearing<'_>) -> FullParams<'static, 'static> {
    let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
    parameters.set_n_threads(to_c(hearing.threads));
    parameters.set_audio_ctx(to_c(hearing.context));
    parameters.set_print_progress(false);
    parameters.set_no_context(true);
    parameters.set_no_timestamps(true);
    parameters.set_single_segment(true);
    // What is said is no longer whisper.cpp's to judge.
    parameters.set_temperature_inc(0.0);
    parameters.set_entropy_thold(f32::NEG_INFINITY);
    parameters.set_logprob_thold(f32::NEG_INFINITY);
    parameters.set_no_speech_thold(f32::INFINITY);
    parameters
}

/// Where each token of `script` ends.
fn alignment(state: &WhisperState, script: &[WhisperTokenId]) -> Vec<u64> {
    // One segment holds everything that was said.
    let Some(segment) = state.get_segment(0) else { return Vec::new() };
    let tokens = (0..segment.n_tokens()).filter_map(|index| Some(segment.get_token(index)?.token_data()));
    let data: Vec<WhisperTokenData> = tokens.filter(|data| script.contains(&data.id)).collect();
    // whisper.cpp calls the time at which attention moves on a token's own; -1 means that it has none.
    let is_whole = data.len() == script.len() && data.iter().all(|token| token.t_dtw >= 0);
    let ends = data.iter().map(|token| u64::try_from(token.t_dtw * TIME_UNIT_MS).unwrap_or(0));
    if is_whole { ends.collect() } else { Vec::new() }
}

/// What leads a run of whisper.cpp.
struct Lead<'a> {
    ask: &'a mut dyn FnMut(&mut Encoded<'_>) -> Vec<WhisperTokenId>,
    threads: usize,
    /// What whisper.cpp is made to say.
    script: Vec<WhisperTokenId>,
    asked: bool,
    panic: Option<Box<dyn Any + Send>>,
}

/// # Safety
/// `flag` points at a live `AtomicBool`.
unsafe extern "C" fn is_set(flag: *mut c_void) -> bool {
    // SAFETY: as above.
    unsafe { (*flag.cast::<AtomicBool>()).load(Ordering::Relaxed) }
}

/// Decides which token comes next, by forbidding all others.
///
/// # Safety
/// `lead` points at a live [`Lead`] that nobody else uses; the rest is what whisper.cpp gives its logits filter: a state
/// that has just encoded, and `logits` for its whole vocabulary.
unsafe extern "C" fn lead_on(
    context: *mut whisper_context,
    state: *mut whisper_state,
    _: *const WhisperTokenData,
    said: c_int,
    logits: *mut f32,
    lead: *mut c_void,
) {
    // SAFETY: as above.
    let (lead, vocabulary) = unsafe { (&mut *lead.cast::<Lead<'_>>(), sys::whisper_n_vocab(context)) };
    // SAFETY: as above.
    let logits = unsafe { slice::from_raw_parts_mut(logits, usize::try_from(vocabulary).unwrap_or(0)) };
    if !lead.asked {
        lead.asked = true;
        let mut encoded = Encoded {
            context,
            state,
            vocabulary: logits.len(),
            threads: lead.threads,
            past: Vec::new(),
            logits: Vec::new(),
            lives: PhantomData,
        };
        let asked = catch_unwind(AssertUnwindSafe(|| {
            let script = (lead.ask)(&mut encoded);
            // whisper.cpp goes on with an empty memory: it would not forget what was asked in between.
            encoded.forget();
            script
        }));
        match asked {
            Ok(script) => lead.script = script,
            Err(panic) => lead.panic = Some(panic),
        }
    }
    // SAFETY: the context is alive.
    let (end, mark) = unsafe { (sys::whisper_token_eot(context), sys::whisper_token_beg(context)) };
    // whisper.cpp's alignment looks at the token after the last one of text, so there is one: a time, which is no text.
    let mut marked = lead.script.iter().copied().chain((!lead.script.is_empty()).then_some(mark));
    let next = usize::try_from(said).ok().and_then(|said| marked.nth(said)).unwrap_or(end);
    logits.fill(f32::NEG_INFINITY);
    if let Some(only) = usize::try_from(next).ok().and_then(|next| logits.get_mut(next)) {
        *only = 0.0;
    }
}

/// An encoded window, ready to be asked.
pub(super) struct Encoded<'a> {
    context: *mut whisper_context,
    state: *mut whisper_state,
    vocabulary: usize,
    threads: usize,
    /// Tokens whose workings the state still holds.
    past: Vec<WhisperTokenId>,
    logits: Vec<f32>,
    /// Of the callback in which it is made.
    lives: PhantomData<&'a mut ()>,
}

impl Encoded<'_> {
    /// The scores of what comes after `tokens`, of which there is at least one. What has been asked already is not
    /// computed again.
    pub(super) fn after(&mut self, tokens: &[WhisperTokenId]) -> Result<&mut Vec<f32>, WhisperError> {
        let known = self.past.iter().zip(tokens).take_while(|(a, b)| a == b).count().min(tokens.len() - 1);
        let new = &tokens[known..];
        let (count, past) = (to_c(new.len()), to_c(known));
        // SAFETY: context and state are alive during the callback in which this is made, and the tokens during the call.
        let decoded = unsafe {
            sys::whisper_decode_with_state(self.context, self.state, new.as_ptr(), count, past, to_c(self.threads))
        };
        if decoded != 0 {
            return Err(WhisperError::FailedToDecode);
        }
        self.past.truncate(known);
        self.past.extend_from_slice(new);
        // SAFETY: there is a row of scores for each token of the batch, of which the last is filled in.
        let last = unsafe {
            let rows = sys::whisper_get_logits_from_state(self.state);
            slice::from_raw_parts(rows.add((new.len() - 1) * self.vocabulary), self.vocabulary)
        };
        self.logits.clear();
        self.logits.extend_from_slice(last);
        Ok(&mut self.logits)
    }

    /// Leaves nothing behind but the start of a text.
    fn forget(&mut self) {
        // SAFETY: the context is alive.
        let start = unsafe { sys::whisper_token_sot(self.context) };
        self.past.clear();
        // Should it fail, whisper.cpp's next step fails too and says so.
        let _ = self.after(&[start]);
    }
}

fn to_c(count: usize) -> c_int {
    c_int::try_from(count).unwrap_or(c_int::MAX)
}
