//! The quick form of a model for processors: the same weights in ggml's 4-bit blocks, with which the encoder takes a
//! fifth less time and the decoder less than half. ggml itself packs them, so the file is byte for byte what
//! whisper.cpp's own `quantize` tool makes. Whoever packs a file has verified it before.

#![allow(unsafe_code, reason = "ggml's packing is a C function")]

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use escriba_domain::ModelName;
use indicatif::ProgressBar;
use whisper_rs::whisper_rs_sys::{
    GGML_QNT_VERSION, GGML_QNT_VERSION_FACTOR, ggml_fp16_to_fp32_row, ggml_quantize_chunk, ggml_row_size, ggml_type,
    ggml_type_GGML_TYPE_Q4_K,
};

use super::{PullError, background::blocking, folder, progress};

/// `Q4_K`, as a tensor's type and as a file's (`ggml_ftype`).
const PACKED: ggml_type = ggml_type_GGML_TYPE_Q4_K;
const PACKED_FILE: u32 = 12;

/// Weights in a block of `Q4_K`: rows are whole blocks.
const BLOCK: usize = 256;

const F32: u32 = 0;
const F16: u32 = 1;

/// Whole numbers in the header: the magic number, ten dimensions, and the kind of file last.
const HEADER: usize = 12;

/// What is read and never packed, as in whisper.cpp's tool.
const LEFT_ALONE: [&str; 4] =
    ["encoder.conv1.bias", "encoder.conv2.bias", "encoder.positional_embedding", "decoder.positional_embedding"];

/// Makes the quick form beside the model where there is none yet. `None` for a model that has none: it is packed
/// already, or its rows are no whole blocks.
pub(crate) async fn ensure(name: &ModelName, dir: &Path) -> Result<Option<PathBuf>, PullError> {
    let Some(quick) = name.quick_form() else { return Ok(None) };
    let (full, path) = (dir.join(name.file_name()), dir.join(quick.file_name()));
    if is_newer(&path, &full) {
        return Ok(Some(path));
    }
    let _lock = folder::lock(&quick, dir).await?;
    if is_newer(&path, &full) {
        return Ok(Some(path));
    }
    let staged = folder::staging(&quick, dir)?.join(quick.file_name());
    let bytes = fs::metadata(&full).map_err(|source| PullError::file(&full, source))?.len();
    let bar = progress::bytes(&format!("Packing {name} for processors"), bytes);
    let packed = blocking({
        let (full, staged, bar) = (full.clone(), staged.clone(), bar.clone());
        move || pack(&full, &staged, &bar)
    });
    let packed = packed.await.map_err(|source| PullError::file(&staged, source))?;
    bar.finish_and_clear();
    if packed {
        fs::rename(&staged, &path).map_err(|source| PullError::file(&path, source))?;
    }
    folder::clear_staging(&quick, dir)?;
    Ok(packed.then_some(path))
}

fn is_newer(path: &Path, than: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    matches!((modified(path), modified(than)), (Ok(quick), Ok(full)) if quick >= full)
}

/// Packs the model at `full` into the file `packed`. False if it cannot be packed.
fn pack(full: &Path, packed: &Path, bar: &ProgressBar) -> io::Result<bool> {
    let mut input = Input { file: BufReader::with_capacity(1 << 20, File::open(full)?), bar };
    let mut out = BufWriter::with_capacity(1 << 20, File::create(packed)?);
    let mut header = [0; 4 * HEADER];
    input.file.read_exact(&mut header)?;
    out.write_all(&header[..4 * (HEADER - 1)])?;
    out.write_all(&(PACKED_FILE + GGML_QNT_VERSION * GGML_QNT_VERSION_FACTOR).to_le_bytes())?;

    // The mel filters, then the tokens.
    let [rows, columns] = [input.number(&mut out)?, input.number(&mut out)?];
    input.copy(4 * rows as usize * columns as usize, &mut out)?;
    for _ in 0..input.number(&mut out)? {
        let length = input.number(&mut out)?;
        input.copy(length as usize, &mut out)?;
    }
    while let Some(tensor) = Tensor::read(&mut input.file)? {
        let weights = input.bytes(tensor.bytes())?;
        if !tensor.is_packable() {
            tensor.write_head(tensor.kind, &mut out)?;
            out.write_all(&weights)?;
        } else if tensor.extents[0].is_multiple_of(BLOCK) {
            tensor.write_head(PACKED, &mut out)?;
            out.write_all(&tensor.pack(&weights)?)?;
        } else {
            return Ok(false);
        }
    }
    out.into_inner()?.sync_all()?;
    Ok(true)
}

/// The file being read.
struct Input<'a> {
    file: BufReader<File>,
    bar: &'a ProgressBar,
}

impl Input<'_> {
    /// A number, passed on.
    fn number(&mut self, out: &mut impl Write) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.file.read_exact(&mut bytes)?;
        out.write_all(&bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn copy(&mut self, count: usize, out: &mut impl Write) -> io::Result<()> {
        let bytes = self.bytes(count)?;
        out.write_all(&bytes)
    }

    fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.file.read_exact(&mut bytes)?;
        self.bar.inc(count as u64);
        Ok(bytes)
    }
}

/// The head of a tensor.
struct Tensor {
    /// The row's length first.
    extents: Vec<usize>,
    name: Vec<u8>,
    kind: u32,
}

impl Tensor {
    /// `None` at the end of the file.
    fn read(file: &mut BufReader<File>) -> io::Result<Option<Self>> {
        let mut rank = [0; 4];
        match file.read_exact(&mut rank) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let mut number = || {
            let mut bytes = [0; 4];
            file.read_exact(&mut bytes).map(|()| u32::from_le_bytes(bytes))
        };
        let (name_length, kind) = (number()?, number()?);
        let extents = (0..u32::from_le_bytes(rank)).map(|_| number().map(|extent| extent as usize));
        let extents = extents.collect::<io::Result<_>>()?;
        let mut name = vec![0; name_length as usize];
        file.read_exact(&mut name)?;
        Ok(Some(Self { extents, name, kind }))
    }

    fn count(&self) -> usize {
        self.extents.iter().product()
    }

    fn bytes(&self) -> usize {
        self.count() * if self.kind == F32 { 4 } else { 2 }
    }

    /// Matrices are packed; vectors and the convolutions' kernels are not.
    fn is_packable(&self) -> bool {
        let is_left_alone = LEFT_ALONE.iter().any(|name| name.as_bytes() == self.name);
        self.extents.len() == 2 && matches!(self.kind, F32 | F16) && !is_left_alone
    }

    fn write_head(&self, kind: u32, out: &mut impl Write) -> io::Result<()> {
        let lengths = [self.extents.len(), self.name.len()].map(|length| u32::try_from(length).unwrap_or(u32::MAX));
        let extents = self.extents.iter().map(|&extent| u32::try_from(extent).unwrap_or(u32::MAX));
        for number in lengths.into_iter().chain([kind]).chain(extents) {
            out.write_all(&number.to_le_bytes())?;
        }
        out.write_all(&self.name)
    }

    fn pack(&self, weights: &[u8]) -> io::Result<Vec<u8>> {
        let (count, row) = (self.count(), self.extents[0]);
        let single: Vec<f32> = if self.kind == F32 {
            weights.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect()
        } else {
            let half: Vec<u16> = weights.as_chunks().0.iter().copied().map(u16::from_le_bytes).collect();
            let mut single = vec![0.0; count];
            // SAFETY: both hold `count` numbers.
            unsafe { ggml_fp16_to_fp32_row(half.as_ptr(), single.as_mut_ptr(), to_c(count)) };
            single
        };
        let rows = count / row;
        // SAFETY: pure arithmetic on a type that ggml knows and a row of whole blocks.
        let row_bytes = unsafe { ggml_row_size(PACKED, to_c(row)) };
        let mut packed = vec![0_u8; rows * row_bytes];
        // SAFETY: `single` holds all rows and `packed` has room for all of them packed.
        let written = unsafe {
            let out = packed.as_mut_ptr().cast();
            ggml_quantize_chunk(PACKED, single.as_ptr(), out, 0, to_c(rows), to_c(row), std::ptr::null())
        };
        if written == packed.len() { Ok(packed) } else { Err(io::Error::other("ggml did not pack a tensor whole")) }
    }
}

fn to_c(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, extents: &[u32], kind: u32, bytes: usize) -> Vec<u8> {
        let mut tensor = Vec::new();
        for number in [u32::try_from(extents.len()).unwrap(), u32::try_from(name.len()).unwrap(), kind] {
            tensor.extend(number.to_le_bytes());
        }
        tensor.extend(extents.iter().flat_map(|extent| extent.to_le_bytes()));
        tensor.extend(name.as_bytes());
        tensor.extend(vec![0x3c; bytes]);
        tensor
    }

    fn model(row: u32) -> Vec<u8> {
        let mut model = vec![7; 4 * HEADER];
        model.extend([2_u32, 1].into_iter().flat_map(u32::to_le_bytes));
        model.extend([0; 8]);
        model.extend([1_u32, 3].into_iter().flat_map(u32::to_le_bytes));
        model.extend(b"abc");
        model.extend(tensor("decoder.positional_embedding", &[4, 2], F32, 32));
        model.extend(tensor("decoder.ln.weight", &[4], F32, 16));
        model.extend(tensor("decoder.token_embedding.weight", &[row, 2], F16, 4 * row as usize));
        model
    }

    #[test]
    fn matrices_are_packed_and_everything_else_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (full, packed) = (dir.path().join("full"), dir.path().join("packed"));
        fs::write(&full, model(512)).unwrap();
        assert!(pack(&full, &packed, &ProgressBar::hidden()).unwrap());

        let written = fs::read(&packed).unwrap();
        // Q4_K: 144 bytes for 256 weights.
        assert_eq!(written.len(), model(512).len() - 4 * 512 + 4 * 144);
        assert_eq!(written[4 * (HEADER - 1)..4 * HEADER], 2_012_u32.to_le_bytes());
        let kept = 4 * HEADER..model(512).len() - 4 * 512 - "decoder.token_embedding.weight".len() - 20;
        assert_eq!(written[kept.clone()], model(512)[kept]);
    }

    #[test]
    fn a_model_whose_rows_are_no_whole_blocks_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let full = dir.path().join("full");
        fs::write(&full, model(384)).unwrap();
        assert!(!pack(&full, &dir.path().join("packed"), &ProgressBar::hidden()).unwrap());
    }
}
