//! Tells by a file's first bytes what `FFmpeg` should never be asked to open, and whether a file that did not open
//! looks like a recording all the same. It never follows what the bytes say.

use escriba_domain::FailureCode;

/// How many bytes from the start of a file are looked at.
pub(super) const HEAD_BYTES: usize = 16 * 1024;

/// Why a file with this head is refused unopened, if it is.
pub(super) fn refusal(head: &[u8]) -> Option<FailureCode> {
    if head.is_empty() {
        Some(FailureCode::MediaEmpty)
    } else if is_image(head) {
        Some(FailureCode::MediaIsImage)
    } else {
        text(head).and_then(|text| refusal_of_text(&text))
    }
}

/// Whether the head belongs to a known kind of recording: one that does not open is then damaged, not unknown.
pub(super) fn looks_like_recording(head: &[u8]) -> bool {
    const ASF: [u8; 8] = [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11];
    let starts: [&[u8]; 11] =
        [b"ID3", b"fLaC", b"OggS", b"caff", b"FLV\x01", b"wvpk", b"#!AMR", b".snd", b"MAC ", b"\x1a\x45\xdf\xa3", &ASF];
    let riff =
        (head.starts_with(b"RIFF") || head.starts_with(b"RF64")) && matches!(head.get(8..12), Some(b"WAVE" | b"AVI "));
    let iff = head.starts_with(b"FORM") && matches!(head.get(8..12), Some(b"AIFF" | b"AIFC"));
    riff || iff || brand(head).is_some() || starts.iter().any(|start| head.starts_with(start))
}

/// The major brand of an ISO base media file (ISO/IEC 14496-12, `ftyp`).
fn brand(head: &[u8]) -> Option<&[u8]> {
    if head.get(4..8) == Some(b"ftyp") { head.get(8..12) } else { None }
}

fn is_image(head: &[u8]) -> bool {
    let starts: [&[u8]; 9] = [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"GIF87a",
        b"GIF89a",
        b"II*\0",
        b"MM\0*",
        b"8BPS",
        b"\xff\x0a",
        b"\0\0\0\x0cJXL ",
    ];
    // Two letters alone would catch text: a bitmap also states the size of its second header here.
    let is_bitmap =
        head.starts_with(b"BM") && matches!(head.get(14..18), Some([12 | 40 | 56 | 64 | 108 | 124, 0, 0, 0]));
    let is_icon = matches!(head, [0, 0, 1 | 2, 0, 1..=64, 0, ..]);
    let is_webp = head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP");
    let is_heif = matches!(
        brand(head),
        Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" | b"avif" | b"avis")
    );
    is_bitmap || is_icon || is_webp || is_heif || starts.iter().any(|start| head.starts_with(start))
}

/// The head as text in lower case, if that is what it is.
fn text(head: &[u8]) -> Option<String> {
    // Players save playlists as UTF-16 too. Only marks of ASCII letters are looked for, so dropping the zero bytes does.
    let is_wide = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    let bytes: Vec<u8> = if is_wide {
        head[2..].iter().copied().filter(|&byte| byte != 0).collect()
    } else {
        head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).to_vec()
    };
    let is_text = bytes.iter().all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace());
    is_text.then(|| String::from_utf8_lossy(&bytes).trim_start().to_ascii_lowercase())
}

fn refusal_of_text(text: &str) -> Option<FailureCode> {
    const STARTS: [&str; 6] = ["#extm3u", "[playlist]", "[reference]", "ffconcat version", "rtsptext", "smiltext"];
    const TAGS: [&str; 7] = ["<asx", "<mpd", "<playlist", "<smil", "<wpl", "<?quicktime", "<?wpl"];
    let is_playlist = STARTS.iter().any(|start| text.starts_with(start))
        || (text.starts_with('<') && TAGS.iter().any(|tag| text.contains(tag)))
        || (text.starts_with("v=0") && text.contains("\no="))
        || is_cue_sheet(text)
        || is_list_of_places(text);
    if is_playlist {
        Some(FailureCode::MediaIsPlaylist)
    } else {
        (text.starts_with('<') && text.contains("<svg")).then_some(FailureCode::MediaIsImage)
    }
}

fn is_cue_sheet(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_start);
    lines.any(|line| line.starts_with("file ")) && lines.any(|line| line.starts_with("track "))
}

/// Lines that are all addresses or names of recordings: a bare M3U, an `.strm`, a `RealMedia` list.
fn is_list_of_places(text: &str) -> bool {
    const ENDINGS: [&str; 12] =
        [".mp3", ".m4a", ".mp4", ".aac", ".wav", ".flac", ".ogg", ".opus", ".webm", ".mkv", ".ts", ".m3u8"];
    let is_address = |line: &str| {
        line.split_once("://")
            .is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.chars().all(char::is_alphanumeric))
    };
    let mut places = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
    places.peek().is_some_and(|first| is_address(first))
        || (places.peek().is_some() && places.all(|line| ENDINGS.iter().any(|ending| line.ends_with(ending))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_and_pictures_are_refused() {
        assert_eq!(refusal(b""), Some(FailureCode::MediaEmpty));
        let pictures: [&[u8]; 9] = [
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            b"\xff\xd8\xff\xe0\0\x10JFIF",
            b"GIF89a\x01\0",
            b"RIFF\x24\0\0\0WEBPVP8 ",
            b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
            b"MM\0*\0\0\0\x08",
            b"\0\0\0\x1cftypheic\0\0\0\0",
            b"\0\0\x01\0\x01\0\x10\x10",
            b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>",
        ];
        for picture in pictures {
            assert_eq!(refusal(picture), Some(FailureCode::MediaIsImage), "{picture:?}");
        }
    }

    #[test]
    fn files_that_only_name_other_places_are_refused() {
        let lists = [
            "#EXTM3U\n#EXTINF:10,\nsecret.ts\n",
            "\u{feff}#EXTM3U\n",
            "[playlist]\nFile1=http://127.0.0.1/a.mp3\n",
            "<?xml version=\"1.0\"?><playlist xmlns=\"http://xspf.org/ns/0/\"/>",
            "<?xml version=\"1.0\"?>\n<MPD type=\"static\"></MPD>",
            "ffconcat version 1.0\nfile /etc/passwd\n",
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n",
            "<ASX version=\"3.0\"><Ref href=\"http://127.0.0.1/\"/></ASX>",
            "PERFORMER \"x\"\nFILE \"x.wav\" WAVE\n  TRACK 01 AUDIO\n",
            "rtsp://127.0.0.1/live\n",
            "http://127.0.0.1/a.mp3",
            "file:///etc/passwd",
            "one.mp3\ntwo.flac\n",
        ];
        for list in lists {
            assert_eq!(refusal(list.as_bytes()), Some(FailureCode::MediaIsPlaylist), "{list}");
        }
        let wide: Vec<u8> = "\u{feff}[Reference]\nRef1=http://x/".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(refusal(&wide), Some(FailureCode::MediaIsPlaylist));
    }

    #[test]
    fn recordings_and_plain_text_are_left_to_the_decoder() {
        let others: [&[u8]; 5] = [
            b"RIFF\x24\0\0\0WAVEfmt ",
            b"ID3\x04\0\0\0\0\0\0APIC\xff\xd8\xff",
            b"\0\0\0\x20ftypM4A ",
            b"Dear diary, see http://example.org today.",
            b"\0\0\x01\xba\x44",
        ];
        for head in others {
            assert_eq!(refusal(head), None, "{head:?}");
        }
        assert!(looks_like_recording(b"\0\0\0\x20ftypM4A "));
        assert!(!looks_like_recording(b"Dear diary"));
    }
}
