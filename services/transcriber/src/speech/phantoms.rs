//! Text that nobody spoke: what the model writes for music, noise and silence. It judges one segment by itself.

/// What the models learnt from the ends of subtitle files, and write where they hear nothing. In lower case, without
/// punctuation.
const STOCK_PHRASES: [&str; 34] = [
    "you",
    "bye",
    "bye bye",
    "thank you",
    "thank you very much",
    "thank you so much",
    "thanks for watching",
    "thank you for watching",
    "thank you for watching and see you next time",
    "please subscribe",
    "please subscribe to my channel",
    "like and subscribe",
    "see you next time",
    "see you in the next video",
    "subtitles by the amara org community",
    "subtitles by",
    "transcription by castingwords",
    "gracias",
    "gracias por ver el video",
    "suscríbete al canal",
    "subtítulos realizados por la comunidad de amara org",
    "merci",
    "merci d avoir regardé cette vidéo",
    "sous titres réalisés par la communauté d amara org",
    "sous titrage st 501",
    "untertitel der amara org community",
    "untertitel im auftrag des zdf für funk 2017",
    "vielen dank",
    "vielen dank fürs zuschauen",
    "sottotitoli e revisione a cura di qtss",
    "obrigado",
    "legendas pela comunidade amara org",
    "ご視聴ありがとうございました",
    "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
];

/// A stock phrase may be said all the same: above this probability of silence it was not. Measured with base: 0.00 to
/// 0.05 where people speak.
const LIKELY_SILENCE: f32 = 0.3;

/// Nor was it if the model believes in it less than this.
const LEAST_LOGPROB: f32 = -0.9;

/// Whether a segment is one of the model's stock phrases, where it is likely that nobody speaks.
pub(super) fn is_stock_phrase(text: &str, avg_logprob: f32, no_speech_prob: f32) -> bool {
    let likely = no_speech_prob > LIKELY_SILENCE || avg_logprob < LEAST_LOGPROB;
    likely && STOCK_PHRASES.contains(&bare(text).as_str())
}

/// Lower case, and single spaces for everything that is no letter or digit.
fn bare(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
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
    fn a_stock_phrase_is_dropped_only_where_it_is_unlikely_to_be_said() {
        assert!(is_stock_phrase(" Thank you.", -0.4, 0.7));
        assert!(is_stock_phrase("Subtitles by the Amara.org community", -1.1, 0.0));
        assert!(is_stock_phrase("Merci d'avoir regardé cette vidéo !", -0.2, 0.9));
        assert!(!is_stock_phrase("Thank you.", -0.3, 0.02));
        assert!(!is_stock_phrase("Thank you, Mr. President.", -1.1, 0.9));
        for phrase in STOCK_PHRASES {
            assert_eq!(bare(phrase), phrase);
        }
    }
}
