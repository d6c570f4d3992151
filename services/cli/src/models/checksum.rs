//! SHA-256 of files, which is the one proof that a model is what its name says. It compares nothing itself.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use indicatif::ProgressBar;
use sha2::{Digest, Sha256};

const PIECE: usize = 1 << 20;

/// Lower-case hexadecimal SHA-256 of bytes in memory.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Lower-case hexadecimal SHA-256 of a file. `bar` moves on by each byte read.
pub(crate) fn of_file(path: &Path, bar: &ProgressBar) -> io::Result<String> {
    copy(&mut File::open(path)?, &mut io::sink(), bar)
}

/// Copies everything and answers the lower-case hexadecimal SHA-256 of what was copied.
pub(crate) fn copy(from: &mut impl Read, to: &mut impl Write, bar: &ProgressBar) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        let length = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&piece[..length]);
        to.write_all(&piece[..length])?;
        bar.inc(length as u64);
    }
    Ok(hexadecimal(&hasher.finalize()))
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(2 * digest.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of FIPS 180-2.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_copy_is_whole_and_hashed() {
        let mut copied = Vec::new();
        let bar = ProgressBar::hidden();
        assert_eq!(copy(&mut &b"abc"[..], &mut copied, &bar).unwrap(), ABC);
        assert_eq!((copied, bar.position()), (b"abc".to_vec(), 3));
        assert_eq!(of_bytes(b"abc"), ABC);
    }
}
