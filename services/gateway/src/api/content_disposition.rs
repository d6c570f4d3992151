//! `Content-Disposition` (RFC 6266): an ASCII name for old readers and the true one, percent-encoded, for the rest.

/// To be saved under this name.
pub(super) fn attachment(file_name: &str) -> String {
    disposition("attachment", file_name)
}

/// To be shown; saved under this name if somebody saves it.
pub(super) fn inline(file_name: &str) -> String {
    disposition("inline", file_name)
}

fn disposition(kind: &str, file_name: &str) -> String {
    let plain: String = file_name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !"\"\\%;".contains(c) || c == ' ' { c } else { '_' })
        .collect();
    let encoded: String = file_name
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_break_out_of_its_header() {
        assert_eq!(
            attachment("entrevista\r\n\"año\".srt"),
            "attachment; filename=\"entrevista___a_o_.srt\"; filename*=UTF-8''entrevista%0D%0A%22a%C3%B1o%22.srt"
        );
        assert_eq!(inline("a.mp3"), "inline; filename=\"a.mp3\"; filename*=UTF-8''a.mp3");
    }
}
