//! Which file a model is loaded from, and how much memory that will take.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use escriba_domain::ModelName;

/// Which form of a model's weights to compute with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Weights {
    /// The form that `escriba models pull` makes for processors, where there is one.
    Quick,
    /// As published.
    Full,
}

/// A model's weights on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// Memory it takes once it is loaded and every slot has a state, estimated.
    pub(super) bytes: u64,
}

/// The file to load for `name`.
pub(super) fn find(dir: &Path, name: &ModelName, weights: Weights, slots: usize) -> io::Result<File> {
    let quick = name.quick_form().filter(|_| weights == Weights::Quick).map(|quick| dir.join(quick.file_name()));
    let path = quick.filter(|path| path.is_file()).unwrap_or_else(|| dir.join(name.file_name()));
    let mut head = [0; HEAD];
    let mut file = fs::File::open(&path)?;
    file.read_exact(&mut head)?;
    let state = Dimensions::read(&head).map_or(0, Dimensions::state_bytes);
    let bytes = file.metadata()?.len() + slots as u64 * state;
    Ok(File { path, bytes })
}

/// Bytes of a ggml file's magic number and dimensions.
const HEAD: usize = 44;

/// What a state's size depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Dimensions {
    vocabulary: u64,
    audio_context: u64,
    audio_state: u64,
    audio_heads: u64,
    text_context: u64,
    text_state: u64,
    text_layers: u64,
}

impl Dimensions {
    /// From the start of a ggml file: the magic number, then dimensions as 32-bit little-endian integers.
    fn read(head: &[u8; HEAD]) -> Option<Self> {
        let number = |index: usize| {
            let bytes = head.get(4 + 4 * index..8 + 4 * index)?.try_into().ok()?;
            u64::try_from(i32::from_le_bytes(bytes)).ok()
        };
        Some(Self {
            vocabulary: number(0)?,
            audio_context: number(1)?,
            audio_state: number(2)?,
            audio_heads: number(3)?,
            text_context: number(5)?,
            text_state: number(6)?,
            text_layers: number(8)?,
        })
    }

    /// What whisper.cpp takes for one state: the attention's scores, the logits of a whole context, the workings of
    /// the convolutions, and what both attentions remember, in 16 bits. Its own account for base is 231 MB.
    fn state_bytes(self) -> u64 {
        let scores = 4 * self.audio_context * self.audio_context * self.audio_heads;
        let logits = 4 * self.vocabulary * self.text_context;
        let workings = 4 * 11 * self.audio_context * self.audio_state;
        let remembered = 2 * 2 * self.text_layers * self.text_state * (self.text_context + self.audio_context);
        scores + logits + workings + remembered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head_of_base() -> [u8; HEAD] {
        let mut head = *b"lmgg........................................";
        for (index, number) in [51_865_i32, 1_500, 512, 8, 6, 448, 512, 8, 6, 80].into_iter().enumerate() {
            head[4 + 4 * index..8 + 4 * index].copy_from_slice(&number.to_le_bytes());
        }
        head
    }

    #[test]
    fn the_estimate_is_near_what_whisper_takes() {
        let bytes = Dimensions::read(&head_of_base()).unwrap().state_bytes();
        assert!((210_000_000..260_000_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn the_quick_form_is_taken_where_there_is_one_and_it_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let base: ModelName = "base".parse().unwrap();
        assert!(find(dir.path(), &base, Weights::Quick, 1).is_err());
        fs::write(dir.path().join(base.file_name()), head_of_base()).unwrap();
        let full = find(dir.path(), &base, Weights::Quick, 1).unwrap();
        assert_eq!(full.path, dir.path().join(base.file_name()));

        let quick = dir.path().join(base.quick_form().unwrap().file_name());
        fs::write(&quick, head_of_base()).unwrap();
        assert_eq!(find(dir.path(), &base, Weights::Quick, 1).unwrap().path, quick);
        assert_eq!(find(dir.path(), &base, Weights::Full, 1).unwrap(), full);
        assert!(find(dir.path(), &base, Weights::Full, 2).unwrap().bytes > full.bytes);
    }
}
