//! What holds for every request of the protocol.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{HeaderName, HeaderValue, Method},
};

use super::{
    super::problem::unreadable,
    failure::{UploadFailure, wrong_version},
};
use crate::app::uploads::Checksum;

pub(super) const VERSION: &str = "1.0.0";
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// Every answer says its version, errors included, and clients whose surroundings know few methods may name another in
/// a header.
pub(in crate::api) async fn speak_tus<E: Endpoint>(endpoint: Arc<E>, mut request: Request) -> poem::Result<Response> {
    let path = request.uri().path();
    if path != "/v1/uploads" && !path.starts_with("/v1/uploads/") {
        return endpoint.call(request).await.map(IntoResponse::into_response);
    }
    let meant = request.headers().get(METHOD_OVERRIDE).and_then(|method| Method::from_bytes(method.as_bytes()).ok());
    if let Some(method) = meant {
        request.set_method(method);
    }
    let mut response = endpoint.call(request).await?.into_response();
    response.headers_mut().insert(TUS_RESUMABLE, HeaderValue::from_static(VERSION));
    Ok(response)
}

pub(super) fn check_version(version: Option<&str>) -> Result<(), UploadFailure> {
    if version == Some(VERSION) { Ok(()) } else { Err(wrong_version()) }
}

pub(super) fn parse_checksum(header: Option<&str>) -> Result<Option<Checksum>, UploadFailure> {
    let wrong = |error: crate::app::uploads::ParseChecksumError| {
        let sentence = error.to_string();
        unreadable(&format!("The checksum cannot be read: {sentence}.")).into()
    };
    header.map(|text| text.parse().map_err(wrong)).transpose()
}

/// As HTTP writes times (RFC 9110, section 5.6.7).
pub(super) fn http_date(time: DateTime<Utc>) -> String {
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_http() {
        assert_eq!(http_date(DateTime::from_timestamp(784_111_777, 0).unwrap()), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
