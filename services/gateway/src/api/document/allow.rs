//! Which methods an address takes: whoever comes with another is told (RFC 9110, section 15.5.6).

use std::sync::Arc;

use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{HeaderValue, StatusCode, header::ALLOW},
};
use serde_json::Value;

use super::Document;

/// Adds `Allow` to answers that refuse the method.
pub(in crate::api) async fn name_methods<E: Endpoint>(
    endpoint: Arc<E>,
    document: Document,
    request: Request,
) -> poem::Result<Response> {
    let path = request.uri().path().to_owned();
    let answered = endpoint.call(request).await.map(IntoResponse::into_response);
    let mut response = answered.unwrap_or_else(poem::Error::into_response);
    if response.status() == StatusCode::METHOD_NOT_ALLOWED
        && !response.headers().contains_key(ALLOW)
        && let Ok(methods) = HeaderValue::from_str(&methods(&document.0, &path))
    {
        response.headers_mut().insert(ALLOW, methods);
    }
    Ok(response)
}

fn methods(document: &Value, path: &str) -> String {
    let paths = document["paths"].as_object().into_iter().flatten();
    let known = paths.filter(|(template, _)| fits(template, path)).filter_map(|(_, methods)| methods.as_object());
    let mut names: Vec<_> = known.flat_map(|methods| methods.keys().map(|method| method.to_uppercase())).collect();
    if names.is_empty() {
        // The pages beside the interface.
        names.push("GET".to_owned());
    }
    names.join(", ")
}

fn fits(template: &str, path: &str) -> bool {
    let (mut expected, mut found) = (template.split('/'), path.trim_end_matches('/').split('/'));
    loop {
        match (expected.next(), found.next()) {
            (None, None) => return true,
            (Some(expected), Some(found)) if expected.starts_with('{') || expected == found => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_takes_what_the_document_says() {
        let document = json!({ "paths": {
            "/v1/jobs": { "get": {}, "post": {} },
            "/v1/jobs/{id}": { "delete": {} },
        } });
        assert_eq!(methods(&document, "/v1/jobs"), "GET, POST");
        assert_eq!(methods(&document, "/v1/jobs/"), "GET, POST");
        assert_eq!(methods(&document, "/v1/jobs/7"), "DELETE");
        assert_eq!(methods(&document, "/"), "GET");
    }
}
