//! Which of a recording's audio tracks is meant: the one asked for, or else the one that most likely holds what was
//! said. It knows tracks by what the container says of them, and listens to none.

use escriba_domain::{AudioTrack, Language};

/// What a container says of an audio track.
#[derive(Debug, Clone, Default)]
pub(super) struct Described {
    /// Of two or three letters, perhaps with a region behind it.
    pub(super) language: Option<String>,
    pub(super) is_default: bool,
    /// Commentary, or made for people who do not see or hear the rest.
    pub(super) is_aside: bool,
    /// `FFmpeg` would play it.
    pub(super) is_best: bool,
}

/// The places of the tracks to try, best first; only the first of them if it was asked for. Empty: what was asked for
/// is not there.
pub(super) fn in_order(tracks: &[Described], asked: Option<&AudioTrack>, expected: Option<Language>) -> Vec<usize> {
    let speaks = |place: usize, tag: &str| tracks[place].language.as_deref().is_some_and(|own| same(own, tag));
    let mut places: Vec<_> = match asked {
        Some(AudioTrack::Number(number)) => {
            let place = usize::from(*number).checked_sub(1);
            return place.filter(|&place| place < tracks.len()).into_iter().collect();
        }
        Some(AudioTrack::Language(tag)) => (0..tracks.len()).filter(|&place| speaks(place, tag)).collect(),
        None => (0..tracks.len()).collect(),
    };
    let rank = |place: usize| {
        let track = &tracks[place];
        let is_expected = expected.is_some_and(|language| speaks(place, language.code()));
        (track.is_aside, !is_expected, !track.is_default, !track.is_best)
    };
    places.sort_by_key(|&place| rank(place));
    places
}

/// Whether two tags name one language: `es` is `spa`, and `en-US` is `eng`.
fn same(one: &str, other: &str) -> bool {
    short(one) == short(other)
}

/// A tag without its region, in the shorter code where there is one.
fn short(tag: &str) -> String {
    let tag = tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let known = CODES.iter().find(|codes| codes.split(' ').any(|code| code == tag));
    known.and_then(|codes| codes.split(' ').next()).map_or(tag, str::to_owned)
}

/// The languages Whisper knows: ISO 639-1, then ISO 639-2 for terminology and, where it differs, for bibliography
/// (source: Library of Congress). Whisper's own `jw` stands for `jv`.
const CODES: [&str; 100] = [
    "en eng",
    "zh zho chi cmn",
    "de deu ger",
    "es spa",
    "ru rus",
    "ko kor",
    "fr fra fre",
    "ja jpn",
    "pt por",
    "tr tur",
    "pl pol",
    "ca cat",
    "nl nld dut",
    "ar ara",
    "sv swe",
    "it ita",
    "id ind",
    "hi hin",
    "fi fin",
    "vi vie",
    "he heb iw",
    "uk ukr",
    "el ell gre",
    "ms msa may",
    "cs ces cze",
    "ro ron rum",
    "da dan",
    "hu hun",
    "ta tam",
    "no nor nob nb",
    "th tha",
    "ur urd",
    "hr hrv",
    "bg bul",
    "lt lit",
    "la lat",
    "mi mri mao",
    "ml mal",
    "cy cym wel",
    "sk slk slo",
    "te tel",
    "fa fas per",
    "lv lav",
    "bn ben",
    "sr srp",
    "az aze",
    "sl slv",
    "kn kan",
    "et est",
    "mk mkd mac",
    "br bre",
    "eu eus baq",
    "is isl ice",
    "hy hye arm",
    "ne nep",
    "mn mon",
    "bs bos",
    "kk kaz",
    "sq sqi alb",
    "sw swa",
    "gl glg",
    "mr mar",
    "pa pan",
    "si sin",
    "km khm",
    "sn sna",
    "yo yor",
    "so som",
    "af afr",
    "oc oci",
    "ka kat geo",
    "be bel",
    "tg tgk",
    "sd snd",
    "gu guj",
    "am amh",
    "yi yid",
    "lo lao",
    "uz uzb",
    "fo fao",
    "ht hat",
    "ps pus",
    "tk tuk",
    "nn nno",
    "mt mlt",
    "sa san",
    "lb ltz",
    "my mya bur",
    "bo bod tib",
    "tl tgl fil",
    "mg mlg",
    "as asm",
    "tt tat",
    "haw",
    "ln lin",
    "ha hau",
    "ba bak",
    "jw jv jav",
    "su sun",
    "yue",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn track(language: &str) -> Described {
        Described { language: Some(language.to_owned()).filter(|tag| !tag.is_empty()), ..Described::default() }
    }

    #[test]
    fn every_language_has_its_codes() {
        for codes in CODES {
            let first = codes.split(' ').next().unwrap();
            assert!(first.parse::<Language>().is_ok(), "{codes}");
        }
        assert!(same("ES", "spa") && same("en-US", "eng") && same("ger", "deu") && same("tlh", "tlh"));
        assert!(!same("spa", "eng"));
    }

    #[test]
    fn what_is_asked_for_is_taken_or_missed() {
        let tracks = [track("eng"), Described { is_aside: true, ..track("spa") }, track("spa"), track("")];
        let asked = |text: &str| in_order(&tracks, Some(&text.parse().unwrap()), None);
        assert_eq!(asked("4"), [3]);
        assert!(asked("5").is_empty() && asked("fra").is_empty());
        assert_eq!(asked("es"), [2, 1]);
    }

    #[test]
    fn unasked_the_most_likely_track_is_taken() {
        let commentary = Described { is_aside: true, is_default: true, is_best: true, ..track("eng") };
        let flagged = Described { is_default: true, ..track("spa") };
        let tracks = [commentary, track("eng"), flagged, Described { is_best: true, ..track("") }];
        assert_eq!(in_order(&tracks, None, None), [2, 3, 1, 0]);
        assert_eq!(in_order(&tracks, None, Some(Language::ENGLISH)), [1, 2, 3, 0]);
        assert!(in_order(&[], None, None).is_empty());
    }
}
