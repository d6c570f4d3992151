//! What belongs to another workspace is as if it were not there: every operation of the document answers a stranger as
//! it does for an id that never was, to the byte. An operation that these tests cannot call fails them.

use escriba_domain::JobId;
use escriba_test_support::tenant;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{
    operations::{Operation, operations},
    stack::{Gateway, on_each_engine},
    tus::begin,
};

/// A thing of the gateway's own workspace that the operation could be about: where it is found, and its id.
async fn own_thing(gateway: &mut Gateway, operation: &Operation) -> (String, String) {
    let kind = operation.path.split("/{id}").next().unwrap();
    let id = match kind {
        "/v1/jobs" => gateway.submit().await.job_id.to_string(),
        "/v1/api-keys" => {
            let made = gateway.request(Method::POST, kind).json(&json!({ "name": "own" })).send().await.unwrap();
            made.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
        }
        "/v1/uploads" => begin(gateway, 3).await.rsplit('/').next().unwrap().to_owned(),
        _ => panic!("{}: tell this test how to make such a thing", operation.name()),
    };
    (format!("{kind}/{id}"), id)
}

/// How the thing stands; an upload says it in headers.
async fn looked_at(gateway: &Gateway, place: &str) -> (u16, Value, String) {
    let method = if place.starts_with("/v1/uploads") { Method::HEAD } else { Method::GET };
    let response = gateway.request(method, place).header("Tus-Resumable", "1.0.0").send().await.unwrap();
    let status = response.status().as_u16();
    let offset = response.headers().get("upload-offset").map(|offset| offset.to_str().unwrap().to_owned());
    (status, response.json().await.unwrap_or_default(), offset.unwrap_or_default())
}

/// Everything a stranger could learn from an answer, with the id taken out.
async fn said(response: Response, id: &str) -> (u16, String, String) {
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let status = response.status().as_u16();
    (status, content_type, response.text().await.unwrap().replace(id, "ID"))
}

#[tokio::test]
async fn another_workspaces_things_never_were() {
    on_each_engine(async |gateway| {
        let stranger = tenant(&gateway.db, "globex").await;
        for operation in operations(gateway).await.iter().filter(|operation| operation.has_id()) {
            let (place, id) = own_thing(gateway, operation).await;
            let before = looked_at(gateway, &place).await;
            let never = JobId::new().to_string();
            let ask = async |id: &str| {
                let request = operation.whole(gateway, &stranger.key, &operation.path_of(id));
                said(request.send().await.unwrap(), id).await
            };
            let (of_real, of_none) = (ask(&id).await, ask(&never).await);
            assert_eq!(of_none.0, 404, "{} cannot be called like this: {}", operation.name(), of_none.2);
            assert_eq!(of_real, of_none, "{}", operation.name());
            assert_eq!(looked_at(gateway, &place).await, before, "{} changed it", operation.name());
        }
    })
    .await;
}
