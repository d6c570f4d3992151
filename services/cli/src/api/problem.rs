//! The API's error body (RFC 9457, `application/problem+json`) and the one sentence a person gets from it.

use std::fmt;

use reqwest::StatusCode;
use serde::Deserialize;

/// Why the server refused.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: Option<String>,
    sentence: String,
}

#[derive(Deserialize)]
struct Body {
    title: Option<String>,
    detail: Option<String>,
    code: Option<String>,
}

impl Problem {
    /// `None` when the body is no problem document, as with an answer of a proxy in between.
    pub(crate) fn read(status: StatusCode, body: &[u8]) -> Option<Self> {
        let body: Body = serde_json::from_slice(body).ok()?;
        let said = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let sentence = said(body.detail).or(said(body.title))?;
        Some(Self { status, code: said(body.code), sentence })
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A stray line break would tear the bars and tables around it apart.
        let words: Vec<_> = self.sentence.split_whitespace().collect();
        f.write_str(&words.join(" "))?;
        match &self.code {
            Some(code) => write!(f, " ({code})"),
            None => write!(f, " (HTTP {})", self.status.as_u16()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &str) -> Option<String> {
        Problem::read(StatusCode::UNPROCESSABLE_ENTITY, body.as_bytes()).map(|problem| problem.to_string())
    }

    #[test]
    fn a_problem_becomes_one_sentence_with_its_code() {
        let body = r#"{"type":"about:blank","title":"Invalid","status":422,"detail":"The file\nis empty.",
            "code":"empty_media"}"#;
        assert_eq!(shown(body).unwrap(), "The file is empty. (empty_media)");
        assert_eq!(shown(r#"{"title":"Unauthenticated"}"#).unwrap(), "Unauthenticated (HTTP 422)");
    }

    #[test]
    fn other_bodies_are_no_problem_documents() {
        for body in ["", "<html>502</html>", "{}", r#"{"detail":" "}"#, "[]"] {
            assert_eq!(shown(body), None, "{body}");
        }
    }
}
