//! Who may come in, and whose jobs they see.

use std::os::unix::fs::PermissionsExt;

use escriba_test_support::tenant;
use reqwest::Method;
use serde_json::Value;

use crate::stack::{on_each_engine, problem, recording};

#[tokio::test]
async fn nobody_comes_in_without_a_key() {
    on_each_engine(async |gateway| {
        let id = escriba_domain::JobId::new();
        for (method, path) in [
            (Method::GET, "/v1/jobs".to_owned()),
            (Method::POST, "/v1/jobs".to_owned()),
            (Method::GET, format!("/v1/jobs/{id}")),
            (Method::DELETE, format!("/v1/jobs/{id}")),
            (Method::POST, format!("/v1/jobs/{id}/cancel")),
            (Method::GET, format!("/v1/jobs/{id}/events")),
            (Method::GET, format!("/v1/jobs/{id}/transcript")),
        ] {
            let request = gateway.anonymous(method.clone(), &path);
            let upload = path == "/v1/jobs" && method == Method::POST;
            let request = if upload { request.multipart(recording()) } else { request };
            let response = request.send().await.unwrap();
            let challenge = response.headers().get("www-authenticate").cloned();
            problem(response, 401, "api_key_missing").await;
            assert!(challenge.is_some_and(|challenge| challenge.as_bytes().starts_with(b"Bearer")), "{method} {path}");

            let other = format!("esc_{}", "0".repeat(40));
            for key in [other.as_str(), "nonsense", ""] {
                let response = gateway.anonymous(method.clone(), &path).bearer_auth(key).send().await.unwrap();
                let code = if key.is_empty() { "api_key_missing" } else { "api_key_invalid" };
                problem(response, 401, code).await;
            }
        }
        assert_eq!(gateway.stored_files(), 0);
    })
    .await;
}

#[tokio::test]
async fn another_workspaces_job_does_not_exist() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let stranger = tenant(&gateway.db, "globex").await;
        let job = format!("/v1/jobs/{}", item.job_id);
        for (method, path) in [
            (Method::GET, job.clone()),
            (Method::DELETE, job.clone()),
            (Method::POST, format!("{job}/cancel")),
            (Method::GET, format!("{job}/events")),
        ] {
            let response = gateway.anonymous(method, &path).bearer_auth(&stranger.key).send().await.unwrap();
            let detail = problem(response, 404, "job_not_found").await;
            assert_eq!(detail, format!("There is no job {}.", item.job_id), "as for a job that never was");
        }
        let list = gateway.anonymous(Method::GET, "/v1/jobs").bearer_auth(&stranger.key).send().await.unwrap();
        assert_eq!(list.json::<Value>().await.unwrap()["items"], serde_json::json!([]));
        assert_eq!(gateway.job(item.job_id).await["state"], "queued");
        assert_eq!(gateway.stored_files(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_first_start_makes_a_key_that_works_and_later_ones_keep_it() {
    on_each_engine(async |gateway| {
        let file = gateway.folder().join("api-key");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(gateway.get("/v1/jobs").await.status(), 200);
        gateway.restart().await;
        assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), gateway.key);
        assert_eq!(gateway.get("/v1/jobs").await.status(), 200);
    })
    .await;
}

#[tokio::test]
async fn a_lost_key_file_gets_a_new_key_to_the_same_workspace() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let file = gateway.folder().join("api-key");
        std::fs::remove_file(&file).unwrap();
        gateway.restart().await;
        let key = std::fs::read_to_string(&file).unwrap().trim().to_owned();
        assert_ne!(key, gateway.key);
        let path = format!("/v1/jobs/{}", item.job_id);
        let response = gateway.anonymous(Method::GET, &path).bearer_auth(&key).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(gateway.get(&path).await.status(), 200, "the old key still works");
    })
    .await;
}

#[tokio::test]
async fn health_is_shown_on_the_internal_port_alone() {
    on_each_engine(async |gateway| {
        let ready: Value = reqwest::get(gateway.internal_url("/readyz")).await.unwrap().json().await.unwrap();
        let checks = serde_json::json!({ "database": "ok", "nats": "ok", "storage": "ok" });
        assert_eq!(ready["checks"], checks);
        problem(gateway.get("/readyz").await, 404, "path_not_found").await;
    })
    .await;
}
