//! Options in JSON as the parts of the form would say them: what they mean is then read in one place.

use super::text::Text;

/// Parts of the form, by name.
pub(super) type Asked = Vec<(&'static str, String)>;

/// A part for each of them.
pub(super) fn list(name: &'static str, values: Option<&[Text]>) -> Asked {
    values.into_iter().flatten().map(|value| (name, value.0.clone())).collect()
}

pub(super) fn text(name: &'static str, value: Option<&Text>) -> Asked {
    value.map(|value| (name, value.0.clone())).into_iter().collect()
}

pub(super) fn truth(name: &'static str, value: Option<bool>) -> Asked {
    value.map(|value| (name, value.to_string())).into_iter().collect()
}
