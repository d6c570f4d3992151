//! Writes whisper.cpp's ggml model file. It knows the format and nothing of where the numbers come from.
//!
//! Layout, little-endian i32 unless said: magic, hyperparameters; mel rows and columns, f32 filters; token count,
//! then a length and bytes each; then tensors to the end of the file: rank, name length, type (0 f32, 1 f16),
//! extents fastest first, name, numbers. Source: `convert-pt-to-ggml.py` of whisper.cpp.

use std::io::{self, Write};

use super::{
    convert::ConvertError,
    ctranslate2::{Precision, Tensor},
};

const MAGIC: u32 = 0x6767_6d6c;
const F32: u32 = 0;
const F16: u32 = 1;

/// The sizes of a model, which the file's header lists.
pub(crate) struct Hyperparameters {
    pub(crate) vocabulary: usize,
    pub(crate) audio_context: usize,
    pub(crate) audio_state: usize,
    pub(crate) audio_heads: usize,
    pub(crate) audio_layers: usize,
    pub(crate) text_context: usize,
    pub(crate) text_state: usize,
    pub(crate) text_heads: usize,
    pub(crate) text_layers: usize,
    pub(crate) mels: u32,
}

pub(crate) struct GgmlWriter<W> {
    out: W,
}

impl<W: Write> GgmlWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out }
    }

    pub(crate) fn header(&mut self, sizes: &Hyperparameters) -> io::Result<()> {
        self.number(MAGIC)?;
        for size in [
            sizes.vocabulary,
            sizes.audio_context,
            sizes.audio_state,
            sizes.audio_heads,
            sizes.audio_layers,
            sizes.text_context,
            sizes.text_state,
            sizes.text_heads,
            sizes.text_layers,
        ] {
            self.count(size)?;
        }
        self.number(sizes.mels)?;
        self.number(F16)
    }

    /// `filters` is `rows` rows of `columns` weights.
    pub(crate) fn mel_filters(&mut self, rows: u32, columns: u32, filters: &[f32]) -> io::Result<()> {
        self.number(rows)?;
        self.number(columns)?;
        filters.iter().try_for_each(|weight| self.out.write_all(&weight.to_le_bytes()))
    }

    pub(crate) fn tokens(&mut self, tokens: &[Vec<u8>]) -> io::Result<()> {
        self.count(tokens.len())?;
        for token in tokens {
            self.count(token.len())?;
            self.out.write_all(token)?;
        }
        Ok(())
    }

    /// A tensor at the precision whisper.cpp expects of its rank: single for vectors, half for everything else.
    pub(crate) fn tensor(&mut self, name: &str, tensor: &Tensor<'_>) -> Result<(), ConvertError> {
        if tensor.shape.len() < 2 {
            return self.single_precision(name, tensor);
        }
        if tensor.precision != Precision::Half {
            return Err(ConvertError::Precision(name.to_owned()));
        }
        self.tensor_header(name, &tensor.shape, F16)?;
        Ok(self.out.write_all(tensor.bytes)?)
    }

    /// A tensor that whisper.cpp reads at single precision whatever its rank.
    pub(crate) fn single_precision(&mut self, name: &str, tensor: &Tensor<'_>) -> Result<(), ConvertError> {
        self.tensor_header(name, &tensor.shape, F32)?;
        match tensor.precision {
            Precision::Single => self.out.write_all(tensor.bytes)?,
            Precision::Half => {
                let (halves, _) = tensor.bytes.as_chunks::<2>();
                for half in halves {
                    self.out.write_all(&widened(u16::from_le_bytes(*half)).to_le_bytes())?;
                }
            }
            Precision::Integer => return Err(ConvertError::Precision(name.to_owned())),
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn tensor_header(&mut self, name: &str, shape: &[usize], kind: u32) -> io::Result<()> {
        self.count(shape.len())?;
        self.count(name.len())?;
        self.number(kind)?;
        shape.iter().rev().try_for_each(|extent| self.count(*extent))?;
        self.out.write_all(name.as_bytes())
    }

    fn number(&mut self, value: u32) -> io::Result<()> {
        self.out.write_all(&value.to_le_bytes())
    }

    fn count(&mut self, value: usize) -> io::Result<()> {
        // whisper.cpp reads these as signed.
        let value = i32::try_from(value).map_err(io::Error::other)?;
        self.out.write_all(&value.to_le_bytes())
    }
}

/// The single-precision number equal to an IEEE 754 half-precision one: every half has one.
fn widened(half: u16) -> f32 {
    let sign = u32::from(half >> 15) << 31;
    let exponent = u32::from(half >> 10) & 0x1f;
    let fraction = u32::from(half & 0x3ff);
    match exponent {
        0 => {
            let magnitude = f32::from(half & 0x3ff) / 16_777_216.0;
            f32::from_bits(magnitude.to_bits() | sign)
        }
        0x1f => f32::from_bits(sign | 0x7f80_0000 | (fraction << 13)),
        _ => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_widen_to_equal_numbers() {
        let known = [
            (0x0000, 0.0_f32),
            (0x8000, -0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65_504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x83ff, -6.097_555e-5),
            (0x7c00, f32::INFINITY),
        ];
        for (half, single) in known {
            assert_eq!(widened(half).to_bits(), single.to_bits(), "{half:#06x}");
        }
        assert!(widened(0x7e00).is_nan());
    }

    #[test]
    fn a_matrix_lists_its_extents_fastest_first() {
        let mut out = Vec::new();
        let tensor = Tensor { shape: vec![2, 1], precision: Precision::Half, bytes: &[0, 0x3c, 0, 0xc0] };
        GgmlWriter::new(&mut out).tensor("w", &tensor).unwrap();
        let header: Vec<u8> = [2, 1, 1, 1, 2].into_iter().flat_map(i32::to_le_bytes).collect();
        assert_eq!(out, [&header[..], b"w", &[0, 0x3c, 0, 0xc0]].concat());
    }

    #[test]
    fn a_matrix_that_would_lose_precision_is_refused() {
        let tensor = Tensor { shape: vec![1, 1], precision: Precision::Single, bytes: &[0; 4] };
        assert!(matches!(GgmlWriter::new(Vec::new()).tensor("w", &tensor), Err(ConvertError::Precision(_))));
    }
}
