//! The mel filter bank that a ggml model file carries: computed, so that no file has to be fetched for it.
//!
//! The formula is that of `librosa.filters.mel` (Slaney's scale and area normalisation), which produced the
//! `mel_filters.npz` of `openai-whisper`. The numbers are rounded where that code rounds them, because the converted
//! file is checked by its SHA-256.

const SAMPLE_RATE: f64 = 16_000.0;
/// Points of the Fourier transform, whose spectrum has half as many bins and one.
const FFT_POINTS: u32 = 400;
pub(crate) const BINS: u32 = FFT_POINTS / 2 + 1;

/// Slaney's scale is linear below this frequency, logarithmic above.
const LINEAR_UP_TO_HERTZ: f64 = 1_000.0;
const HERTZ_A_LINEAR_MEL: f64 = 200.0 / 3.0;
const LINEAR_UP_TO_MELS: f64 = LINEAR_UP_TO_HERTZ / HERTZ_A_LINEAR_MEL;

/// `filters` rows of [`BINS`] weights each, one triangle a row.
pub(crate) fn filter_bank(filters: u32) -> Vec<f32> {
    let corners = corners_in_hertz(filters);
    let mut weights = Vec::new();
    for corner in corners.windows(3) {
        let (low, peak, high) = (corner[0], corner[1], corner[2]);
        let area = 2.0 / (high - low);
        for bin in 0..BINS {
            let hertz = f64::from(bin) * SAMPLE_RATE / f64::from(FFT_POINTS);
            let rising = (hertz - low) / (peak - low);
            let falling = (high - hertz) / (high - peak);
            let triangle = rounded(rising.min(falling).max(0.0));
            weights.push(rounded(f64::from(triangle) * area));
        }
    }
    weights
}

/// Where the triangles begin, peak and end: evenly spaced in mels from silence to the highest frequency.
fn corners_in_hertz(filters: u32) -> Vec<f64> {
    let top = mels_of(SAMPLE_RATE / 2.0);
    let step = top / f64::from(filters + 1);
    let below = (0..=filters).map(|corner| f64::from(corner) * step);
    // Multiplied up, the last corner would lie a rounding error above the highest frequency.
    below.chain([top]).map(hertz_of).collect()
}

/// The logarithmic part takes 27 mels for each factor of 6.4.
fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

fn mels_of(hertz: f64) -> f64 {
    if hertz < LINEAR_UP_TO_HERTZ {
        hertz / HERTZ_A_LINEAR_MEL
    } else {
        LINEAR_UP_TO_MELS + (hertz / LINEAR_UP_TO_HERTZ).ln() / log_step()
    }
}

fn hertz_of(mels: f64) -> f64 {
    if mels < LINEAR_UP_TO_MELS {
        mels * HERTZ_A_LINEAR_MEL
    } else {
        LINEAR_UP_TO_HERTZ * (log_step() * (mels - LINEAR_UP_TO_MELS)).exp()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the file holds single precision, and the original rounds here")]
fn rounded(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected numbers are those of `mel_80` in `mel_filters.npz` of openai-whisper 20250625.
    #[test]
    fn the_bank_is_the_published_one() {
        let bank = filter_bank(80);
        let columns = usize::try_from(BINS).unwrap();
        assert_eq!(bank.len(), 80 * columns);
        assert_eq!(bank.iter().filter(|weight| **weight != 0.0).count(), 391);

        let published =
            [(0, 1, 0.024_862_595_f32), (79, 195, 0.002_243_795_2), (79, 196, 0.001_795_036), (79, 199, 0.000_448_759)];
        for (row, column, weight) in published {
            assert!((bank[row * columns + column] - weight).abs() < 1e-9, "filter {row}, bin {column}");
        }
        assert!((bank.iter().sum::<f32>() - 1.999_024_2).abs() < 1e-5);
    }

    #[test]
    fn the_two_halves_of_the_scale_meet() {
        for hertz in [0.0, 440.0, 999.9, 1_000.0, 7_999.0] {
            assert!((hertz_of(mels_of(hertz)) - hertz).abs() < 1e-9);
        }
    }
}
