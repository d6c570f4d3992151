//! `If-Match` and `ETag` of transcripts: the version, quoted.

use crate::app::edit_transcript::Expected;

pub(super) fn tag(version: u32) -> String {
    format!("\"{version}\"")
}

/// The versions that `If-Match` names; `None` where it was not sent.
pub(super) fn expected(if_match: Option<&str>) -> Option<Expected> {
    let text = if_match?.trim();
    if text == "*" {
        return Some(Expected::Any);
    }
    let version = |tag: &str| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok();
    Some(Expected::Among(text.split(',').filter_map(version).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_written() {
        let among = |versions: &[u32]| Some(Expected::Among(versions.to_vec()));
        assert_eq!(expected(None), None);
        assert_eq!(expected(Some(" * ")), Some(Expected::Any));
        assert_eq!(expected(Some(&tag(3))), among(&[3]));
        assert_eq!(expected(Some("\"3\", \"4\"")), among(&[3, 4]));
        for never in ["3", "W/\"3\"", "\"-3\"", "\"three\"", ""] {
            assert_eq!(expected(Some(never)), among(&[]), "{never}");
        }
    }
}
