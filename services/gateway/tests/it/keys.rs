//! API keys over HTTP: made, shown once, listed, renamed, revoked.

use std::time::Duration;

use escriba_test_support::{eventually, tenant};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::stack::{Gateway, on_each_engine, problem};

async fn post(gateway: &Gateway, key: &str, body: &Value) -> Response {
    gateway.anonymous(Method::POST, "/v1/api-keys").bearer_auth(key).json(body).send().await.unwrap()
}

async fn made(gateway: &Gateway, body: &Value) -> Value {
    let response = post(gateway, &gateway.key, body).await;
    assert_eq!(response.status(), 201, "{}", response.text().await.unwrap());
    response.json().await.unwrap()
}

/// A key with these scopes.
pub(crate) async fn key_with(gateway: &Gateway, scopes: &[&str]) -> String {
    let made = made(gateway, &json!({ "name": "a test's", "scopes": scopes })).await;
    made["secret"].as_str().unwrap().to_owned()
}

async fn status(gateway: &Gateway, key: &str, path: &str) -> u16 {
    gateway.anonymous(Method::GET, path).bearer_auth(key).send().await.unwrap().status().as_u16()
}

async fn revoke(gateway: &Gateway, with: &str, id: &Value) -> Response {
    let path = format!("/v1/api-keys/{}/revoke", id.as_str().unwrap());
    gateway.anonymous(Method::POST, &path).bearer_auth(with).send().await.unwrap()
}

#[tokio::test]
async fn a_key_is_shown_once_and_works() {
    on_each_engine(async |gateway| {
        let response = post(gateway, &gateway.key, &json!({ "name": "  Newsroom laptop " })).await;
        assert_eq!(response.status(), 201);
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        let made: Value = response.json().await.unwrap();
        let secret = made["secret"].as_str().unwrap();
        assert!(secret.starts_with(made["prefix"].as_str().unwrap()) && secret.len() > 40);
        assert_eq!((&made["name"], &made["scopes"]), (&json!("Newsroom laptop"), &json!(["read", "transcribe"])));
        assert_eq!(location, format!("/v1/api-keys/{}", made["id"].as_str().unwrap()));
        assert_eq!(status(gateway, secret, "/v1/jobs").await, 200);

        let found: Value = gateway.get(&location).await.json().await.unwrap();
        assert!(found.get("secret").is_none(), "{found}");
        let listed = gateway.get("/v1/api-keys").await.text().await.unwrap();
        assert!(listed.contains(made["prefix"].as_str().unwrap()) && !listed.contains(secret));
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|key| &key["name"]).collect();
        assert_eq!(names, ["Newsroom laptop", "local"]);
        assert_eq!(listed["next_cursor"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_a_key_is_refused_with_a_sentence() {
    on_each_engine(async |gateway| {
        for (body, status, code) in [
            (json!({}), 422, "body_invalid"),
            (json!({ "name": ["x"] }), 422, "body_invalid"),
            (json!({ "name": "x", "scopes": ["write"] }), 422, "body_invalid"),
            (json!({ "name": "x", "scope": ["read"] }), 422, "body_invalid"),
            (json!({ "name": "x", "expires_at": "tomorrow" }), 422, "body_invalid"),
            (json!({ "name": " " }), 422, "name_invalid"),
            (json!({ "name": "a\nb" }), 422, "name_invalid"),
            (json!({ "name": "x".repeat(101) }), 422, "name_invalid"),
            (json!({ "name": "x", "scopes": [] }), 422, "scopes_empty"),
            (json!({ "name": "x", "expires_at": "2020-01-01T00:00:00Z" }), 422, "expires_at_past"),
        ] {
            problem(post(gateway, &gateway.key, &body).await, status, code).await;
        }
        let broken = gateway.request(Method::POST, "/v1/api-keys").header("content-type", "application/json");
        problem(broken.body("{").send().await.unwrap(), 400, "bad_request").await;
        let listed: Value = gateway.get("/v1/api-keys").await.json().await.unwrap();
        assert_eq!(listed["items"].as_array().unwrap().len(), 1, "none was made");
        problem(gateway.get("/v1/api-keys?cursor=nonsense").await, 422, "cursor_invalid").await;
    })
    .await;
}

#[tokio::test]
async fn no_key_makes_one_that_may_do_more_than_itself() {
    on_each_engine(async |gateway| {
        let manager = key_with(gateway, &["manage"]).await;
        let response = post(gateway, &manager, &json!({ "name": "x", "scopes": ["manage", "read"] })).await;
        assert!(problem(response, 403, "scope_missing").await.contains("`read`"));
        // What is usual is more than this one has.
        problem(post(gateway, &manager, &json!({ "name": "x" })).await, 403, "scope_missing").await;
        let response = post(gateway, &manager, &json!({ "name": "x", "scopes": ["manage"] })).await;
        assert_eq!(response.status(), 201);
    })
    .await;
}

#[tokio::test]
async fn a_key_ends_when_it_expires() {
    on_each_engine(async |gateway| {
        let soon = gateway.db.now().await.unwrap() + Duration::from_secs(4);
        let made = made(gateway, &json!({ "name": "guest", "expires_at": soon })).await;
        let secret = made["secret"].as_str().unwrap();
        eventually("the key has expired", async || (status(gateway, secret, "/v1/jobs").await == 401).then_some(()))
            .await;
        assert!(gateway.db.now().await.unwrap() >= soon);
        let response = gateway.anonymous(Method::GET, "/v1/jobs").bearer_auth(secret).send().await.unwrap();
        problem(response, 401, "api_key_invalid").await;
    })
    .await;
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_at_once_on_every_gateway() {
    on_each_engine(async |gateway| {
        let other = gateway.beside().await;
        let made = made(gateway, &json!({ "name": "lost laptop" })).await;
        let secret = made["secret"].as_str().unwrap();
        assert_eq!((status(gateway, secret, "/v1/jobs").await, other.status(secret, "/v1/jobs").await), (200, 200));
        assert_eq!(revoke(gateway, &gateway.key, &made["id"]).await.status(), 200);
        assert_eq!((status(gateway, secret, "/v1/jobs").await, other.status(secret, "/v1/jobs").await), (401, 401));
        assert_eq!(revoke(gateway, &gateway.key, &made["id"]).await.status(), 200, "once more changes nothing");
        let path = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
        let found: Value = gateway.get(&path).await.json().await.unwrap();
        assert!(found["revoked_at"].is_string());
        other.stop().await;
    })
    .await;
}

#[tokio::test]
async fn the_last_key_that_can_manage_stays() {
    on_each_engine(async |gateway| {
        tenant(&gateway.db, "globex").await;
        let listed: Value = gateway.get("/v1/api-keys").await.json().await.unwrap();
        let first = &listed["items"][0]["id"];
        let said = problem(revoke(gateway, &gateway.key, first).await, 409, "last_manage_key").await;
        assert!(said.contains("Make another with that scope first"), "{said}");
        assert_eq!(gateway.get("/v1/jobs").await.status(), 200);

        let second = made(gateway, &json!({ "name": "second", "scopes": ["manage"] })).await;
        let secret = second["secret"].as_str().unwrap();
        assert_eq!(revoke(gateway, secret, first).await.status(), 200);
        assert_eq!(gateway.get("/v1/jobs").await.status(), 401);
        problem(revoke(gateway, secret, &second["id"]).await, 409, "last_manage_key").await;
    })
    .await;
}

#[tokio::test]
async fn a_key_can_be_renamed_and_tells_when_it_was_last_used() {
    on_each_engine(async |gateway| {
        let made = made(gateway, &json!({ "name": "laptop" })).await;
        let path = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
        let change = |body: Value| gateway.request(Method::PATCH, &path).json(&body).send();
        let renamed: Value = change(json!({ "name": "desktop" })).await.unwrap().json().await.unwrap();
        assert_eq!((&renamed["name"], &renamed["last_used_at"]), (&json!("desktop"), &Value::Null));
        problem(change(json!({ "name": "" })).await.unwrap(), 422, "name_invalid").await;
        problem(change(json!({ "name": "x", "scopes": ["manage"] })).await.unwrap(), 422, "body_invalid").await;

        assert_eq!(status(gateway, made["secret"].as_str().unwrap(), "/v1/jobs").await, 200);
        eventually("its use is noted", async || {
            let key: Value = gateway.get(&path).await.json().await.unwrap();
            key["last_used_at"].is_string().then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn keys_come_page_by_page() {
    on_each_engine(async |gateway| {
        for nth in 0..4 {
            made(gateway, &json!({ "name": nth.to_string() })).await;
        }
        let (mut names, mut path) = (Vec::new(), "/v1/api-keys?limit=2".to_owned());
        loop {
            let page: Value = gateway.get(&path).await.json().await.unwrap();
            let items = page["items"].as_array().unwrap();
            names.extend(items.iter().map(|key| key["name"].as_str().unwrap().to_owned()));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            assert_eq!(items.len(), 2);
            path = format!("/v1/api-keys?limit=2&cursor={cursor}");
        }
        assert_eq!(names, ["3", "2", "1", "0", "local"]);
    })
    .await;
}

#[tokio::test]
async fn the_same_request_with_its_key_makes_one_api_key() {
    on_each_engine(async |gateway| {
        let ask = async |name: &str| {
            let request = gateway.request(Method::POST, "/v1/api-keys").header("Idempotency-Key", "newsroom-1");
            request.json(&json!({ "name": name })).send().await.unwrap()
        };
        let first: Value = ask("once").await.json().await.unwrap();
        let again = ask("once").await;
        assert_eq!(again.status(), 201);
        assert_eq!(again.json::<Value>().await.unwrap(), first, "with the secret, which nobody else is told");
        assert_eq!(status(gateway, first["secret"].as_str().unwrap(), "/v1/jobs").await, 200);
        problem(ask("twice").await, 422, "idempotency_key_reused").await;
        let listed: Value = gateway.get("/v1/api-keys").await.json().await.unwrap();
        let named_once = listed["items"].as_array().unwrap().iter().filter(|key| key["name"] == "once").count();
        assert_eq!(named_once, 1);
    })
    .await;
}
