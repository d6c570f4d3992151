//! The model's tokens by what they mean. The ids depend on the model; nothing else here knows them.

use std::ops::Range;

use escriba_domain::{Language, Task};
use whisper_rs::{WhisperContext, WhisperTokenId};

/// A time token stands for so many milliseconds more than the one before it.
pub(super) const TIME_STEP_MS: u64 = 20;

/// The special tokens of a model.
#[derive(Debug, Clone)]
pub(super) struct Vocabulary {
    /// Text tokens are those below this one, which ends the text.
    pub(super) end: usize,
    pub(super) no_speech: usize,
    pub(super) languages: Range<usize>,
    /// The first time token, 0.00 s. All later ones are times too.
    pub(super) times: usize,
    /// A lone space, which may not open a text.
    pub(super) blank: Option<usize>,
    pub(super) is_multilingual: bool,
    /// Tokens that the decoder has room for.
    pub(super) room: usize,
    start: WhisperTokenId,
    previous: WhisperTokenId,
    transcribe: WhisperTokenId,
    translate: WhisperTokenId,
}

impl Vocabulary {
    pub(super) fn of(context: &WhisperContext) -> Self {
        let languages = to_index(context.token_sot()) + 1..to_index(context.token_translate());
        let blank = context.tokenize(" ", 4).ok().and_then(|tokens| tokens.first().copied()).map(to_index);
        Self {
            end: to_index(context.token_eot()),
            no_speech: to_index(context.token_nosp()),
            languages,
            times: to_index(context.token_beg()),
            blank,
            is_multilingual: context.is_multilingual(),
            room: to_index(context.n_text_ctx()),
            start: context.token_sot(),
            previous: context.token_prev(),
            transcribe: context.token_transcribe(),
            translate: context.token_translate(),
        }
    }

    /// What every text starts with; the probabilities after it tell the language.
    pub(super) fn opening(&self) -> [WhisperTokenId; 1] {
        [self.start]
    }

    /// Text that came before, or that is made to look so: its last tokens, as many as may be given.
    pub(super) fn preceding(&self, prompt: &[WhisperTokenId]) -> Vec<WhisperTokenId> {
        let most = self.room / 2 - 1;
        let kept = &prompt[prompt.len().saturating_sub(most)..];
        if kept.is_empty() { Vec::new() } else { [&[self.previous], kept].concat() }
    }

    /// What the opening is followed by. Models of English alone know neither languages nor tasks.
    pub(super) fn instructions(&self, language: Language, task: Task) -> Vec<WhisperTokenId> {
        let Some(language) = self.language_token(language).filter(|_| self.is_multilingual) else { return Vec::new() };
        let task = match task {
            Task::Transcribe => self.transcribe,
            Task::Translate => self.translate,
        };
        vec![to_token(language), task]
    }

    /// `None` for a language that this model does not know.
    pub(super) fn language_token(&self, language: Language) -> Option<usize> {
        let id = usize::try_from(whisper_rs::get_lang_id(language.code())?).ok()?;
        Some(self.languages.start + id).filter(|token| self.languages.contains(token))
    }

    pub(super) fn is_time(&self, token: usize) -> bool {
        token >= self.times
    }

    /// A time token's place in the window.
    pub(super) fn time_ms(&self, token: usize) -> u64 {
        (token - self.times) as u64 * TIME_STEP_MS
    }

    /// The time token of this place, or the nearest before it.
    pub(super) fn time_token(&self, ms: u64) -> usize {
        self.times + usize::try_from(ms / TIME_STEP_MS).unwrap_or(usize::MAX / 2)
    }
}

/// whisper.cpp's token ids are never negative.
fn to_index(token: WhisperTokenId) -> usize {
    usize::try_from(token).unwrap_or(0)
}

pub(super) fn to_token(index: usize) -> WhisperTokenId {
    WhisperTokenId::try_from(index).unwrap_or(WhisperTokenId::MAX)
}
