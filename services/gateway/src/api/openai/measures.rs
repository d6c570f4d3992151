//! Numbers and names of OpenAI's that Escriba has no use for itself.

use std::io::Write;

use flate2::{Compression, write::ZlibEncoder};

/// What stands for the logarithm of nothing.
const IMPOSSIBLE: f64 = -9999.0;

/// The letter of a channel: `A` to `Z`, then `AA` and so on, as the columns of a table are named.
pub(super) fn speaker(channel: Option<u16>) -> String {
    let mut left = channel.unwrap_or(1).max(1);
    let mut letters = Vec::new();
    while left > 0 {
        let [.., digit] = ((left - 1) % 26).to_be_bytes();
        letters.push(char::from(b'A' + digit));
        left = (left - 1) / 26;
    }
    letters.iter().rev().collect()
}

/// OpenAI's own measure: bytes of the text over bytes of it packed by zlib.
pub(super) fn compression_ratio(text: &str) -> f64 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    #[expect(clippy::cast_precision_loss, reason = "texts of segments are short")]
    packed.map_or(0.0, |packed| rounded(text.len() as f64 / packed.len() as f64))
}

/// A number of single precision as people write it: not 0.20000000298 but 0.2.
pub(super) fn decimal(value: f32) -> f64 {
    if value.is_finite() { rounded(f64::from(value)) } else { IMPOSSIBLE }
}

/// The natural logarithm of a probability.
pub(super) fn logarithm(probability: f32) -> f64 {
    let logarithm = f64::from(probability).ln();
    if logarithm.is_finite() { rounded(logarithm) } else { IMPOSSIBLE }
}

fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_have_letters_and_one_channel_is_one_speaker() {
        let letters = [None, Some(1), Some(2), Some(26), Some(27), Some(52), Some(703)].map(speaker);
        assert_eq!(letters, ["A", "A", "B", "Z", "AA", "AZ", "AAA"]);
    }

    #[test]
    fn a_text_that_repeats_itself_packs_well() {
        assert!(compression_ratio(&"and so on ".repeat(20)) > 2.4);
        assert!(compression_ratio("Printing differs from most arts and crafts.") < 1.0);
        assert!(compression_ratio("").abs() < f64::EPSILON);
    }

    #[test]
    fn numbers_are_as_precise_as_they_were() {
        assert!((decimal(0.2) - 0.2).abs() < f64::EPSILON);
        assert!((logarithm(0.75) - 0.75_f64.ln()).abs() < 1e-6);
        for number in [decimal(f32::NAN), decimal(f32::NEG_INFINITY), logarithm(0.0)] {
            assert!((number - IMPOSSIBLE).abs() < f64::EPSILON);
        }
    }
}
