//! The `Range` header (RFC 9110, section 14): which part of so many bytes is asked for.

use std::ops::Range;

/// What to answer with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing that is understood was asked for, or more than one part: a server may then send everything.
    Whole,
    Part(Range<u64>),
    /// Nothing lies where it was asked for.
    OutOfRange,
}

pub(super) fn asked(header: Option<&str>, bytes: u64) -> Asked {
    let Some((first, last)) = header.and_then(single_range) else { return Asked::Whole };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => return Asked::Whole,
        (Some(first), Some(last)) => first..last.saturating_add(1).min(bytes),
        (Some(first), None) if last.is_empty() => first..bytes,
        (None, Some(count)) if first.is_empty() => bytes.saturating_sub(count)..bytes,
        _ => return Asked::Whole,
    };
    if range.is_empty() { Asked::OutOfRange } else { Asked::Part(range) }
}

/// The two sides of the hyphen.
fn single_range(header: &str) -> Option<(&str, &str)> {
    let (unit, range) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || range.contains(',') {
        return None;
    }
    range.trim().split_once('-')
}

fn number(digits: &str) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    // More than fits is beyond the end of anything.
    all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_is_understood_in_each_form() {
        for (header, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-", 0..100),
            ("bytes=10-19", 10..20),
            ("bytes=90-1000", 90..100),
            ("bytes=99-99999999999999999999999", 99..100),
            ("bytes=-1", 99..100),
            ("bytes=-1000", 0..100),
            ("BYTES= 5-6", 5..7),
        ] {
            assert_eq!(asked(Some(header), 100), Asked::Part(part), "{header}");
        }
    }

    #[test]
    fn what_lies_beyond_the_end_is_told_apart_from_what_is_not_understood() {
        for header in ["bytes=100-", "bytes=100-200", "bytes=-0"] {
            assert_eq!(asked(Some(header), 100), Asked::OutOfRange, "{header}");
        }
        for header in ["bytes=5-4", "bytes=a-b", "bytes=-", "bytes=1-2,4-5", "seconds=1-2", "bytes", "bytes=+1-2", ""] {
            assert_eq!(asked(Some(header), 100), Asked::Whole, "{header}");
        }
        assert_eq!(asked(None, 100), Asked::Whole);
        assert_eq!(asked(Some("bytes=0-"), 0), Asked::OutOfRange);
    }
}
