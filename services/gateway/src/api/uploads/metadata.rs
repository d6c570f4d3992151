//! `Upload-Metadata`: what a sender says of an upload at its beginning.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::super::{
    problem::{Failure, invalid, unreadable},
    upload_form::read_submission,
};
use crate::app::{App, uploads::Plan};

/// What is said, by name.
pub(super) struct Metadata(Vec<(String, String)>);

impl Metadata {
    pub(super) fn parse(header: &str) -> Result<Self, Failure> {
        let pairs = header.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let mut said: Vec<(String, String)> = Vec::new();
        for pair in pairs {
            let (name, encoded) = pair.split_once(' ').unwrap_or((pair, ""));
            let decoded = STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let value = decoded.ok_or_else(|| {
                unreadable(&format!("The value of `{name}` in `Upload-Metadata` is not base64 of UTF-8 text."))
            })?;
            if said.iter().any(|(known, _)| known == name) {
                return Err(unreadable(&format!("`Upload-Metadata` has `{name}` twice.")));
            }
            said.push((name.to_owned(), value));
        }
        Ok(Self(said))
    }

    /// What the upload is to become. Names that upload libraries send by themselves are understood.
    pub(super) fn plan(&self, app: &App) -> Result<Plan, Failure> {
        let value = |names: [&str; 2]| {
            let mut found = names.iter().filter_map(|name| self.0.iter().find(|(known, _)| known == name));
            found.next().map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
        };
        let of_libraries = ["filename", "name", "filetype", "type", "relativePath"];
        if self.0.iter().any(|(name, _)| name == "media") {
            return Err(invalid("option_unknown", "The recording comes as the upload's bytes, not in its metadata."));
        }
        let asked = self.0.iter().filter(|(name, _)| !of_libraries.contains(&name.as_str()));
        let submission = read_submission(app, asked.map(|(name, value)| (name.as_str(), value.as_str())))?;
        Ok(Plan { file_name: value(["filename", "name"]), content_type: value(["filetype", "type"]), submission })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_whatever_stands_between_them() {
        let said = |header| Metadata::parse(header).map(|metadata| metadata.0).ok();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(said(""), Some(vec![]));
        let two = vec![pair("filename", "world_domination_plan.pdf"), pair("is_confidential", "")];
        assert_eq!(said("filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential"), Some(two));
        assert_eq!(
            said("lane YmF0Y2g= , filename w7EubXAz"),
            Some(vec![pair("lane", "batch"), pair("filename", "ñ.mp3")])
        );
        for wrong in ["lane batch!", "lane /w==", "lane YmF0Y2g=,lane YmF0Y2g="] {
            assert_eq!(said(wrong), None, "{wrong}");
        }
    }
}
