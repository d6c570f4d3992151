//! What belongs to another workspace is as if it were not there: every operation of the document answers a stranger as
//! it does for an id that never was, to the byte. An operation that these tests cannot call fails them.

use escriba_domain::JobId;
use escriba_test_support::tenant;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{
    operations::{Operation, operations},
    stack::{Gateway, on_each_engine},
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
        _ => panic!("{}: tell this test how to make such a thing", operation.name()),
    };
    (format!("{kind}/{id}"), id)
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
        for operation in operations(gateway).await.iter().filter(|operation| operation.has_path_parameter()) {
            let (place, id) = own_thing(gateway, operation).await;
            let before: Value = gateway.get(&place).await.json().await.unwrap();
            let never = JobId::new().to_string();
            let ask = async |id: &str| {
                let request = operation.whole(gateway, &stranger.key, &operation.path_of(id));
                said(request.send().await.unwrap(), id).await
            };
            let (of_real, of_none) = (ask(&id).await, ask(&never).await);
            assert_eq!(of_none.0, 404, "{} cannot be called like this: {}", operation.name(), of_none.2);
            assert_eq!(of_real, of_none, "{}", operation.name());
            let after: Value = gateway.get(&place).await.json().await.unwrap();
            assert_eq!(after, before, "{} changed it", operation.name());
        }
    })
    .await;
}
