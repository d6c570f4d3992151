//! Reads the `model.bin` of `CTranslate2`, version 6: names, shapes and where the numbers lie. Nothing is copied and
//! nothing is converted here.
//!
//! Layout, little-endian: u32 version, string spec, u32 revision, u32 count; for each variable a string name, u8
//! rank, u32 extents, u8 type, u32 byte length, bytes; then aliases, which no conversion needs. A string is a u16
//! length, which counts a closing NUL, and its bytes.

use std::collections::HashMap;

use super::convert::ConvertError;

const VERSION: u32 = 6;

/// The variables of a file, by their `CTranslate2` names.
#[derive(Debug)]
pub(crate) struct Variables<'a>(HashMap<&'a str, Tensor<'a>>);

/// A variable's shape, slowest extent first, and its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tensor<'a> {
    pub(crate) shape: Vec<usize>,
    pub(crate) precision: Precision,
    pub(crate) bytes: &'a [u8],
}

/// The type of a variable's numbers. Integers, of whatever width, are settings or quantised weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    Single,
    Half,
    Integer,
}

impl<'a> Variables<'a> {
    pub(crate) fn parse(file: &'a [u8]) -> Result<Self, ConvertError> {
        let mut reader = Reader { rest: file };
        let version = reader.u32()?;
        if version != VERSION {
            return Err(ConvertError::Version(version));
        }
        reader.string()?;
        reader.u32()?;
        let count = reader.u32()?;
        let mut variables = HashMap::new();
        for _ in 0..count {
            let name = reader.string()?;
            variables.insert(name, reader.tensor(name)?);
        }
        Ok(Self(variables))
    }

    pub(crate) fn get(&self, name: &str) -> Result<&Tensor<'a>, ConvertError> {
        self.0.get(name).ok_or_else(|| ConvertError::Missing(name.to_owned()))
    }

    /// How many layers `encoder` or `decoder` has.
    pub(crate) fn layers(&self, side: &str) -> usize {
        (0..self.0.len())
            .take_while(|n| self.0.contains_key(format!("{side}/layer_{n}/ffn/linear_0/weight").as_str()))
            .count()
    }
}

impl Tensor<'_> {
    /// The same numbers as one column.
    pub(crate) fn column(&self) -> Self {
        Self { shape: vec![self.shape.iter().product(), 1], ..self.clone() }
    }

    /// The `part`th of `parts` equal slices along the slowest extent: how attention weights are stacked.
    pub(crate) fn part(&self, part: usize, parts: usize) -> Option<Self> {
        let rows = *self.shape.first()?;
        if parts == 0 || part >= parts || rows % parts != 0 {
            return None;
        }
        let length = self.bytes.len() / parts;
        let mut shape = self.shape.clone();
        shape[0] = rows / parts;
        Some(Self { shape, precision: self.precision, bytes: &self.bytes[part * length..(part + 1) * length] })
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], ConvertError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(ConvertError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ConvertError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(ConvertError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, ConvertError> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, ConvertError> {
        self.array().map(u32::from_le_bytes)
    }

    /// A u32 that counts things in memory.
    fn length(&mut self) -> Result<usize, ConvertError> {
        self.u32().and_then(|length| usize::try_from(length).map_err(|_| ConvertError::Truncated))
    }

    fn string(&mut self) -> Result<&'a str, ConvertError> {
        let length = u16::from_le_bytes(self.array()?);
        let bytes = self.take(usize::from(length))?;
        let text = bytes.strip_suffix(&[0]).unwrap_or(bytes);
        str::from_utf8(text).map_err(|_| ConvertError::Truncated)
    }

    fn tensor(&mut self, name: &str) -> Result<Tensor<'a>, ConvertError> {
        let rank = self.u8()?;
        let shape = (0..rank).map(|_| self.length()).collect::<Result<Vec<_>, _>>()?;
        let (precision, width) = match self.u8()? {
            0 => (Precision::Single, 4),
            1 => (Precision::Integer, 1),
            2 => (Precision::Integer, 2),
            3 => (Precision::Integer, 4),
            4 => (Precision::Half, 2),
            _ => return Err(ConvertError::Precision(name.to_owned())),
        };
        let length = self.length()?;
        let expected = shape.iter().try_fold(width, |product: usize, extent| product.checked_mul(*extent));
        if expected != Some(length) {
            return Err(ConvertError::Shape(name.to_owned()));
        }
        Ok(Tensor { shape, precision, bytes: self.take(length)? })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Builds a `model.bin` out of (name, shape, type, bytes).
    pub(crate) fn file(variables: &[(&str, &[u32], u8, Vec<u8>)]) -> Vec<u8> {
        let mut file = VERSION.to_le_bytes().to_vec();
        string(&mut file, "WhisperSpec");
        file.extend(3_u32.to_le_bytes());
        file.extend(u32::try_from(variables.len()).unwrap().to_le_bytes());
        for (name, shape, kind, bytes) in variables {
            string(&mut file, name);
            file.push(u8::try_from(shape.len()).unwrap());
            shape.iter().for_each(|extent| file.extend(extent.to_le_bytes()));
            file.push(*kind);
            file.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
            file.extend(bytes);
        }
        file.extend(0_u32.to_le_bytes());
        file
    }

    fn string(file: &mut Vec<u8>, text: &str) {
        file.extend(u16::try_from(text.len() + 1).unwrap().to_le_bytes());
        file.extend(text.as_bytes());
        file.push(0);
    }

    #[test]
    fn names_shapes_and_bytes_are_read() {
        let file = file(&[("a/weight", &[2, 3], 4, vec![7; 12]), ("flag", &[], 1, vec![1])]);
        let variables = Variables::parse(&file).unwrap();
        let weight = variables.get("a/weight").unwrap();
        assert_eq!((&weight.shape[..], weight.precision, weight.bytes), (&[2, 3][..], Precision::Half, &[7; 12][..]));
        assert_eq!(variables.get("flag").unwrap().precision, Precision::Integer);
        assert!(matches!(variables.get("b"), Err(ConvertError::Missing(_))));
    }

    #[test]
    fn stacked_rows_come_apart() {
        let tensor = Tensor { shape: vec![4, 1], precision: Precision::Half, bytes: &[0, 1, 2, 3, 4, 5, 6, 7] };
        assert_eq!(tensor.part(1, 2).unwrap().bytes, [4, 5, 6, 7]);
        assert_eq!(tensor.part(1, 2).unwrap().shape, [2, 1]);
        assert!(tensor.part(0, 3).is_none());
    }

    #[test]
    fn damaged_files_are_errors_and_never_panics() {
        let whole = file(&[("a", &[2], 4, vec![0; 4])]);
        let variables_end = whole.len() - 4;
        for length in 0..variables_end {
            assert!(matches!(Variables::parse(&whole[..length]), Err(ConvertError::Truncated)), "{length}");
        }
        assert!(matches!(Variables::parse(&[9, 0, 0, 0]), Err(ConvertError::Version(9))));
        let lies = file(&[("a", &[3], 4, vec![0; 4])]);
        assert!(matches!(Variables::parse(&lies), Err(ConvertError::Shape(_))));
        let strange = file(&[("a", &[1], 9, vec![0; 4])]);
        assert!(matches!(Variables::parse(&strange), Err(ConvertError::Precision(_))));
    }
}
