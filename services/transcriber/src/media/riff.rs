//! The lengths that WAV and AVI headers state. `FFmpeg` goes by the file's size instead, so that a file which breaks off
//! looks whole to it. It reads the head only, and decodes nothing.

/// Recorders that cannot go back leave sizes from here up, or none, in place of the real one.
const PLACEHOLDER: u64 = 0x7fff_0000;

/// What the header states, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WavLength {
    /// The file is no WAV, or its head holds no sound: the header has nothing to say.
    Silent,
    /// The recorder never filled the length in.
    Unknown,
    Stated(u64),
}

/// Reads the length from the head of a file that is `file_bytes` long (RIFF: a chunk is four letters, a little-endian
/// size and as many bytes, padded to an even count).
pub(super) fn stated_length(head: &[u8], file_bytes: u64) -> WavLength {
    if !(head.starts_with(b"RIFF") || head.starts_with(b"RF64")) || head.get(8..12) != Some(b"WAVE") {
        return WavLength::Silent;
    }
    let mut bytes_a_second = 0;
    let mut rest = &head[12..];
    while let Some((&[a, b, c, d, size @ ..], body)) = rest.split_first_chunk::<8>() {
        let size = u32::from_le_bytes(size);
        match &[a, b, c, d] {
            b"fmt " => bytes_a_second = body.get(8..12).map_or(0, |rate| number([rate[0], rate[1], rate[2], rate[3]])),
            b"data" => return length(u64::from(size), bytes_a_second, file_bytes),
            _ => {}
        }
        let padded = usize::try_from(size).unwrap_or(usize::MAX).saturating_add(size as usize % 2);
        rest = body.get(padded..).unwrap_or_default();
    }
    WavLength::Silent
}

/// Whether an AVI file is shorter than its first chunk by more than a hundredth.
pub(super) fn avi_breaks_off(head: &[u8], file_bytes: u64) -> bool {
    let Some(&[a, b, c, d]) = head.get(4..8) else { return false };
    let stated = number([a, b, c, d]) + 8;
    let is_avi = head.starts_with(b"RIFF") && head.get(8..12) == Some(b"AVI ");
    is_avi && stated < PLACEHOLDER && stated.saturating_sub(file_bytes) * 100 > stated
}

fn length(data_bytes: u64, bytes_a_second: u64, file_bytes: u64) -> WavLength {
    if data_bytes == 0 || (data_bytes >= PLACEHOLDER && data_bytes > file_bytes) {
        return WavLength::Unknown;
    }
    (data_bytes * 1000).checked_div(bytes_a_second).map_or(WavLength::Unknown, WavLength::Stated)
}

fn number(bytes: [u8; 4]) -> u64 {
    u64::from(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(data_bytes: u32) -> Vec<u8> {
        let mut wav = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x01\0".to_vec();
        wav.extend(16_000_u32.to_le_bytes());
        wav.extend(32_000_u32.to_le_bytes());
        wav.extend([2, 0, 16, 0]);
        wav.extend(b"data");
        wav.extend(data_bytes.to_le_bytes());
        wav
    }

    #[test]
    fn the_header_states_a_length_or_leaves_it_open() {
        assert_eq!(stated_length(&wav(160_000), 100), WavLength::Stated(5_000));
        assert_eq!(stated_length(&wav(0), 160_000), WavLength::Unknown);
        assert_eq!(stated_length(&wav(u32::MAX), 160_000), WavLength::Unknown);
        assert_eq!(stated_length(&wav(u32::MAX), 5_000_000_000), WavLength::Stated(134_217_727));
        assert_eq!(stated_length(b"RIFF\0\0\0\0AVI ", 100), WavLength::Silent);
        assert_eq!(stated_length(&wav(160_000)[..40], 100), WavLength::Silent);
    }

    #[test]
    fn an_avi_file_breaks_off_where_its_first_chunk_goes_on() {
        assert!(avi_breaks_off(b"RIFF\x40\x42\x0f\0AVI ", 600_000));
        assert!(!avi_breaks_off(b"RIFF\x40\x42\x0f\0AVI ", 1_000_008));
        assert!(!avi_breaks_off(b"RIFF\xff\xff\xff\xffAVI ", 600_000));
        assert!(!avi_breaks_off(b"RIFF\x40\x42\x0f\0WAVE", 600_000));
    }
}
