//! The form's parts that become labels: what callers write on a job for themselves.

use std::collections::BTreeMap;

use escriba_domain::{Labels, split_tags};

use super::super::problem::{Failure, invalid};

/// Takes in one part of the form, if it is a label; otherwise the answer is `false`. `tags` may come several times, and
/// adds up.
pub(super) fn set(labels: &mut Labels, name: &str, text: &str) -> Result<bool, Failure> {
    match name {
        "title" => labels.set_title(text),
        "tags" => split_tags(text).for_each(|tag| labels.add_tag(tag)),
        "metadata" => labels.metadata = metadata(text.trim())?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn metadata(text: &str) -> Result<BTreeMap<String, String>, Failure> {
    if text.is_empty() {
        return Ok(BTreeMap::new());
    }
    serde_json::from_str(text).map_err(|_| {
        let detail = "The form's part `metadata` is wrong: send a JSON object whose values are text, such as \
                      `{\"customer\": \"4711\"}`.";
        invalid("metadata_invalid", detail)
    })
}
