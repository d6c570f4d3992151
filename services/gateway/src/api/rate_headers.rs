//! What an answer says of how many requests its key may still send: `RateLimit-Limit`, `RateLimit-Remaining` and
//! `RateLimit-Reset`, in whole seconds.
//!
//! Source: draft-ietf-httpapi-ratelimit-headers-03, whose three fields are what clients read today.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use poem::{Endpoint, IntoResponse, Request, Response, http::HeaderValue};

use crate::app::rate_limits::Standing;

/// Where the check of a request's key leaves how the key stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(Arc<OnceLock<Standing>>);

impl Tally {
    pub(super) fn note(&self, standing: Standing) {
        self.0.set(standing).ok();
    }
}

/// Adds the headers to whatever is answered to a known key, errors included.
pub(super) async fn tell<E: Endpoint>(endpoint: Arc<E>, mut request: Request) -> poem::Result<Response> {
    let tally = Tally::default();
    request.set_data(tally.clone());
    let mut response = match endpoint.call(request).await {
        Ok(response) => response.into_response(),
        Err(error) => error.into_response(),
    };
    if let Some(standing) = tally.0.get() {
        let headers = [
            ("RateLimit-Limit", u64::from(standing.limit)),
            ("RateLimit-Remaining", u64::from(standing.remaining)),
            ("RateLimit-Reset", whole_seconds(standing.full_in)),
        ];
        for (name, value) in headers {
            response.headers_mut().insert(name, HeaderValue::from(value));
        }
    }
    Ok(response)
}

/// Rounded up: who waits so long has waited long enough.
pub(super) const fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + if time.subsec_nanos() > 0 { 1 } else { 0 }
}
