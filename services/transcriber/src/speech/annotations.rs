//! Text that nobody spoke: what the model writes for music, noise and silence. It judges one segment by itself.

/// Above this probability of silence, text needs [`LEAST_LOGPROB`] to be believed (OpenAI's `no_speech_threshold`).
const LIKELY_SILENCE: f32 = 0.6;

/// OpenAI's `logprob_threshold`.
const LEAST_LOGPROB: f32 = -1.0;

/// Above this probability of silence, a brief window is believed to be a noise. Measured with base: speech 0.00 to 0.05
/// even in strong noise, bursts of noise 0.9.
const SURE_SILENCE: f32 = 0.8;

/// Voice detection mistakes noises no longer than this for speech, the padding around them included.
const BRIEF_MS: u64 = 2_000;

/// Whether the model itself doubts that there was speech.
pub(super) fn is_doubtful(avg_logprob: f32, no_speech_prob: f32) -> bool {
    no_speech_prob > LIKELY_SILENCE && avg_logprob < LEAST_LOGPROB
}

/// Whether a window of this length is a noise that passed for speech, whatever the model makes of it.
pub(super) fn is_noise(window_ms: u64, no_speech_prob: f32) -> bool {
    window_ms < BRIEF_MS && no_speech_prob > SURE_SILENCE
}

/// Whether `text` is nothing but remarks such as `[BLANK_AUDIO]`, `(music)`, `*sighs*` or `♪♪`.
pub(super) fn is_annotation(text: &str) -> bool {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "♪♫.,-…。".contains(c));
        let Some(open) = rest.chars().next() else { return true };
        let close = match open {
            '[' => ']',
            '(' => ')',
            '*' => '*',
            '（' => '）',
            '【' => '】',
            _ => return false,
        };
        match rest[open.len_utf8()..].split_once(close) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_are_told_from_speech() {
        for remark in ["[BLANK_AUDIO]", " (music)", "♪♪", "*sighs*", "[Music] (applause)", "...", "（音楽）", ""]
        {
            assert!(is_annotation(remark), "{remark}");
        }
        for speech in ["Hello.", "♪ La la la ♪", "(sighs) Well then.", "[unclosed", "¿Qué?", "- Yes.", "你好。"]
        {
            assert!(!is_annotation(speech), "{speech}");
        }
    }

    #[test]
    fn text_is_doubted_only_if_both_signs_agree() {
        assert!(is_doubtful(-1.2, 0.9));
        assert!(!is_doubtful(-0.3, 0.9));
        assert!(!is_doubtful(-1.2, 0.1));
        assert!(is_noise(576, 0.9));
        assert!(!is_noise(576, 0.5));
        assert!(!is_noise(10_000, 0.9));
    }
}
