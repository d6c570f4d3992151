//! Between our header map and NATS's.

use async_nats::HeaderMap;
use escriba_events::Headers;

pub(crate) fn to_nats(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(name.as_str(), value.as_str());
    }
    map
}

/// The first value of each header.
pub(crate) fn from_nats(map: Option<&HeaderMap>) -> Headers {
    let entries = map.into_iter().flat_map(HeaderMap::iter);
    entries.filter_map(|(name, values)| Some((name.to_string(), values.first()?.as_str().to_owned()))).collect()
}
