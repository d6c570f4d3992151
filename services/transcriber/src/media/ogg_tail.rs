//! Whether an Ogg file ends where its writer ended it. Ogg states no length, so `FFmpeg` takes whatever page comes last
//! for the end; the format's own end-of-stream flag is the only witness (RFC 3533, section 6). It reads the file's
//! tail and decodes nothing.

use std::io::{self, Read, Seek, SeekFrom};

/// A page is at most 27 + 255 + 255 × 255 bytes long.
const MAX_PAGE: u64 = 27 + 255 + 255 * 255;

const HEADER: usize = 27;
const END_OF_STREAM: u8 = 0x04;

/// True if the file's last page is cut short or is not flagged as its stream's last.
pub(super) fn is_truncated(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(MAX_PAGE + HEADER as u64)))?;
    let mut tail = Vec::new();
    file.take(MAX_PAGE + HEADER as u64).read_to_end(&mut tail)?;
    let last = (0..tail.len()).rev().find(|&at| is_page(&tail[at..]));
    Ok(last.is_none_or(|at| !ends_stream(&tail[at..])))
}

fn is_page(bytes: &[u8]) -> bool {
    // Version 0 and three defined flags: four letters alone could stand in the audio by chance.
    bytes.starts_with(b"OggS") && matches!(bytes.get(4..6), Some([0, 0..=7]))
}

fn ends_stream(page: &[u8]) -> bool {
    let Some(&segments) = page.get(26) else { return false };
    let Some(lacing) = page.get(HEADER..HEADER + usize::from(segments)) else { return false };
    let body: usize = lacing.iter().map(|&size| usize::from(size)).sum();
    page[5] & END_OF_STREAM != 0 && page.len() >= HEADER + lacing.len() + body
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn page(flags: u8) -> Vec<u8> {
        let mut page = b"OggS\0".to_vec();
        page.push(flags);
        page.extend([0; 20]);
        page.extend([2, 3, 1]);
        page.extend(b"abcd");
        page
    }

    #[test]
    fn a_file_ends_with_a_whole_page_that_says_so() {
        let whole = [page(2), page(0), page(4)].concat();
        assert!(!is_truncated(&mut Cursor::new(&whole)).unwrap());
        let with_padding = [whole.as_slice(), &[0; 100]].concat();
        assert!(!is_truncated(&mut Cursor::new(with_padding)).unwrap());

        assert!(is_truncated(&mut Cursor::new(&whole[..whole.len() - 1])).unwrap());
        assert!(is_truncated(&mut Cursor::new(&whole[..whole.len() - 6])).unwrap());
        assert!(is_truncated(&mut Cursor::new([page(2), page(0)].concat())).unwrap());
        assert!(is_truncated(&mut Cursor::new(b"")).unwrap());
    }
}
