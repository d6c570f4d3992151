//! Splits a text that does not fit one cue into cues of about the same length, so that no word is left over to flash up
//! alone. Where a cue's lines break is `wrap.rs`'s business.

use super::{
    MAX_LINES,
    wrap::{Atom, Cursor, wrap},
};

/// The lines of each cue that the text takes. The first line of each leaves `label` characters free.
pub(super) fn split(atoms: &[Atom], label: usize) -> Vec<Vec<String>> {
    let cues = cut_greedily(atoms, label);
    let ends = if cues > 1 { cut_evenly(atoms, label, cues) } else { vec![atoms.len()] };
    let mut start = 0;
    let cues = ends.into_iter().map(|end| {
        let lines = wrap(&atoms[start..end], label);
        start = end;
        lines
    });
    cues.filter(|lines| !lines.is_empty()).collect()
}

/// How many cues there are when each takes as much as it can: it cannot be done with fewer.
fn cut_greedily(atoms: &[Atom], label: usize) -> usize {
    let (mut cues, mut start) = (0, 0);
    while start < atoms.len() {
        start += fitting(&atoms[start..], label).count();
        cues += 1;
    }
    cues
}

/// Where cues end if their lengths are to differ least from an equal share, by the sum of squares.
fn cut_evenly(atoms: &[Atom], label: usize, cues: usize) -> Vec<usize> {
    let whole: usize = atoms.iter().map(Atom::width).sum();
    let share = whole / cues;
    // The least cost of cutting what comes before each atom, and where its last cue then starts.
    let mut best: Vec<Option<(usize, usize)>> = vec![None; atoms.len() + 1];
    best[0] = Some((0, 0));
    for start in 0..atoms.len() {
        let Some((cost, _)) = best[start] else { continue };
        for (end, chars) in (start + 1..).zip(fitting(&atoms[start..], label)) {
            let cost = cost + chars.abs_diff(share).pow(2);
            if best[end].is_none_or(|(least, _)| cost < least) {
                best[end] = Some((cost, start));
            }
        }
    }
    let mut ends = Vec::new();
    let mut end = atoms.len();
    while let Some((_, start)) = best[end].filter(|_| end > 0) {
        ends.push(end);
        end = start;
    }
    ends.reverse();
    ends
}

/// The lengths a cue can have that starts with these atoms: with the first one, the first two, and so on.
fn fitting(atoms: &[Atom], label: usize) -> impl Iterator<Item = usize> {
    let mut cursor = Cursor::after_label(label);
    let lengths = atoms.iter().scan(0, |chars, atom| {
        *chars += atom.width();
        Some(*chars)
    });
    atoms.iter().zip(lengths).map_while(move |(atom, chars)| {
        cursor.place(atom);
        (cursor.lines() <= MAX_LINES).then_some(chars)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::cues::wrap::atoms;

    fn cues(text: &str, label: usize) -> Vec<String> {
        let atoms: Vec<_> = text.lines().flat_map(atoms).collect();
        split(&atoms, label).iter().map(|lines| lines.join("|")).collect()
    }

    #[test]
    fn what_fits_stays_together() {
        assert_eq!(cues("Hello there.", 0), ["Hello there."]);
        assert_eq!(cues("- Hello\n- Hi", 0), ["- Hello|- Hi"]);
        assert_eq!(cues("", 0), Vec::<String>::new());
    }

    #[test]
    fn no_word_is_left_over_alone() {
        let text = "And so my fellow Americans ask not what your country can do for you ask what you can do the most";
        assert_eq!(
            cues(text, 0),
            ["And so my fellow Americans ask not what|your", "country can do for you ask what you can do|the most"]
        );
    }

    #[test]
    fn what_was_written_on_lines_of_its_own_stays_so() {
        assert_eq!(cues("- One\n- Two\n- Three\n- Four", 0), ["- One|- Two", "- Three|- Four"]);
    }

    #[test]
    fn a_label_takes_its_room_on_the_first_line() {
        let text = "a".repeat(32);
        assert_eq!(cues(&format!("{text} b"), 8), [format!("{text} b")]);
        assert_eq!(cues(&format!("{text} b"), 9), [format!("{text}|b")]);
    }

    #[test]
    fn cues_of_any_text_are_about_equally_long_and_no_more_than_needed() {
        let words = ["a", "transcription", "of", "what", "everybody", "said", "most", "extraordinarily", "I"];
        for length in 1..200 {
            let text: Vec<_> = words.iter().cycle().take(length).copied().collect();
            let text = text.join(" ");
            let atoms: Vec<_> = atoms(&text).collect();
            let found = split(&atoms, 0);
            assert_eq!(found.concat().join(" "), text);
            assert!(found.iter().all(|lines| lines.len() <= MAX_LINES));
            if found.len() > 1 {
                let lengths: Vec<_> = found.iter().map(|lines| lines.join(" ").chars().count()).collect();
                assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() <= 32, "{lengths:?}");
            }
        }
    }
}
