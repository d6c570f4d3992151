//! What a fetched file is called: as its server says, or else as its address ends.

use percent_encoding::percent_decode_str;
use reqwest::{
    Url,
    header::{CONTENT_DISPOSITION, HeaderMap},
};

pub(super) fn name_of(url: &Url, headers: &HeaderMap) -> Option<String> {
    let disposition = headers.get(CONTENT_DISPOSITION).map(|value| String::from_utf8_lossy(value.as_bytes()));
    disposition.and_then(|text| disposed(&text)).or_else(|| last_segment(url))
}

/// The name in a `Content-Disposition` (RFC 6266); the extended one comes first.
fn disposed(text: &str) -> Option<String> {
    let parameters: Vec<(String, String)> = parameters(text);
    let value = |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let extended = value("filename*").and_then(|value| {
        let (charset, rest) = value.split_once('\'')?;
        let (_language, encoded) = rest.split_once('\'')?;
        charset.eq_ignore_ascii_case("utf-8").then(|| percent_decode_str(encoded).decode_utf8_lossy().into_owned())
    });
    extended.or_else(|| value("filename").map(str::to_owned)).filter(|name| !name.is_empty())
}

/// Everything of the form `name=value` or `name="value"` after the first semicolon, names in lower case.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => after
                .split_once(';')
                .map_or((after.trim().to_owned(), ""), |(value, left)| (value.trim().to_owned(), left)),
        };
        found.push((name.trim_matches([' ', '\t', ';']).to_ascii_lowercase(), value));
        rest = left;
    }
    found
}

/// The text up to the closing quote, and what follows it.
fn unquote(quoted: &str) -> (String, &str) {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            '"' if !escaped => return (value, &quoted[at + 1..]),
            '\\' if !escaped => escaped = true,
            other => {
                value.push(other);
                escaped = false;
            }
        }
    }
    (value, "")
}

fn last_segment(url: &Url) -> Option<String> {
    let last = url.path_segments()?.rfind(|segment| !segment.is_empty())?;
    Some(percent_decode_str(last).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_every_form_of_the_header() {
        for (header, name) in [
            ("attachment; filename=talk.mp3", "talk.mp3"),
            ("attachment; filename=\"my \\\"talk\\\"; one.mp3\"; size=3", "my \"talk\"; one.mp3"),
            ("inline; filename=\"x.mp3\"; filename*=UTF-8''a%C3%B1o.mp3", "año.mp3"),
            ("attachment; FILENAME*=utf-8'en'two%20words.wav", "two words.wav"),
        ] {
            assert_eq!(disposed(header).as_deref(), Some(name), "{header}");
        }
        for header in
            ["attachment", "attachment; filename=\"\"", "attachment; filename", ";;;=", "a; filename*=latin1''x"]
        {
            assert_eq!(disposed(header), None, "{header}");
        }
    }

    #[test]
    fn without_a_header_the_address_names_the_file() {
        let name = |url: &str| name_of(&Url::parse(url).unwrap(), &HeaderMap::new());
        assert_eq!(name("https://example.org/a/ni%C3%B1o.mp3?token=x#t=1").as_deref(), Some("niño.mp3"));
        assert_eq!(name("https://example.org/talks/").as_deref(), Some("talks"));
        assert_eq!(name("https://example.org"), None);
    }
}
