//! Errors are OpenAI's on these paths, whoever finds them: the operation, the key, the router, or the job itself.

use reqwest::Method;
use serde_json::json;

use super::{TRANSCRIPTIONS, TRANSLATIONS, cancel, form, job_of, post, refusal, request_id, sent};
use crate::{
    stack::{on_each_engine, problem},
    worker::{Worker, failed},
};

const INVALID: &str = "invalid_request_error";

#[tokio::test]
async fn nobody_comes_in_without_a_key() {
    on_each_engine(async |gateway| {
        for (method, path) in [
            (Method::POST, TRANSCRIPTIONS),
            (Method::POST, TRANSLATIONS),
            (Method::GET, "/v1/models"),
            (Method::GET, "/v1/models/base"),
        ] {
            let ask = || {
                let request = gateway.anonymous(method.clone(), path);
                if method == Method::POST { request.multipart(form(&[])) } else { request }
            };
            for request in
                [ask(), ask().bearer_auth("sk-nonsense"), ask().bearer_auth(format!("esc_{}", "0".repeat(40)))]
            {
                let refused = sent(request).await;
                assert!(refused.headers()["www-authenticate"].as_bytes().starts_with(b"Bearer"));
                refusal(refused, 401, INVALID, None, "invalid_api_key").await;
            }
        }
        assert_eq!(gateway.stored_files(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    on_each_engine(async |gateway| {
        refusal(gateway.get("/v1/models/gpt-4o").await, 404, INVALID, Some("model"), "model_not_found").await;
        let odd = gateway.get("/v1/models/a%2Fb").await;
        refusal(odd, 404, INVALID, Some("model"), "model_not_found").await;
        for path in ["/v1/audio/speech", "/v1/models/base/weights", "/v1/audio"] {
            refusal(gateway.get(path).await, 404, INVALID, None, "path_not_found").await;
        }
        refusal(gateway.get(TRANSCRIPTIONS).await, 405, INVALID, None, "method_not_allowed").await;

        let unknown = reqwest::multipart::Form::new().text("model", "gpt-transcribe");
        let refused = sent(post(gateway, TRANSCRIPTIONS, unknown)).await;
        let message = refusal(refused, 404, INVALID, Some("model"), "model_not_found").await;
        assert!(message.contains("whisper-1, base, tiny.en"), "{message}");
        // Other paths keep their own words.
        problem(gateway.get("/v1/nowhere").await, 404, "path_not_found").await;
        assert!(!gateway.get("/v1/jobs").await.headers().contains_key("x-request-id"));
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused() {
    on_each_engine(async |gateway| {
        let json = gateway.request(Method::POST, TRANSCRIPTIONS).json(&json!({ "model": "whisper-1" }));
        refusal(sent(json).await, 415, INVALID, None, "unsupported_media_type").await;
        let cut = gateway
            .request(Method::POST, TRANSCRIPTIONS)
            .header("content-type", "multipart/form-data; boundary=cut-here")
            .body("--cut-here\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhis");
        refusal(sent(cut).await, 400, INVALID, None, "bad_request").await;
        assert_eq!(gateway.stored_files(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_recording_that_cannot_be_transcribed_is_the_senders_error() {
    on_each_engine(async |gateway| {
        let request = post(gateway, TRANSCRIPTIONS, form(&[]));
        let (item, response) = tokio::join!(
            async {
                let item = gateway.doorbell().await;
                Worker::claim(gateway, &item).await.commit(failed("media_no_audio", false)).await;
                item
            },
            sent(request)
        );
        assert_eq!(job_of(&response), item.job_id.to_string());
        let message = refusal(response, 400, INVALID, Some("file"), "media_no_audio").await;
        assert_eq!(message, "A sentence for a person.");
    })
    .await;
}

#[tokio::test]
async fn a_fault_of_ours_is_told_as_one_and_is_no_use_to_repeat() {
    on_each_engine(async |gateway| {
        let request = post(gateway, TRANSCRIPTIONS, form(&[]));
        let ((), response) = tokio::join!(
            async {
                let item = gateway.doorbell().await;
                Worker::claim(gateway, &item).await.commit(failed("media_missing", false)).await;
            },
            sent(request)
        );
        assert_eq!(response.headers()["x-should-retry"], "false");
        refusal(response, 500, "server_error", None, "media_missing").await;
    })
    .await;
}

#[tokio::test]
async fn a_job_that_somebody_ends_is_told_and_is_no_use_to_repeat() {
    on_each_engine(async |gateway| {
        for (code, method) in [("job_canceled", Method::POST), ("job_deleted", Method::DELETE)] {
            let request = post(gateway, TRANSCRIPTIONS, form(&[]));
            let ((), response) = tokio::join!(
                async {
                    let item = gateway.doorbell().await;
                    if method == Method::POST {
                        cancel(gateway, item.job_id).await;
                    } else {
                        let path = format!("/v1/jobs/{}", item.job_id);
                        gateway.request(Method::DELETE, &path).send().await.unwrap();
                    }
                },
                sent(request)
            );
            assert_eq!(response.headers()["x-should-retry"], "false");
            job_of(&response);
            refusal(response, 409, INVALID, None, code).await;
        }
    })
    .await;
}

#[tokio::test]
async fn each_answer_has_an_id_of_its_own() {
    on_each_engine(async |gateway| {
        let (one, other) = (gateway.get("/v1/models").await, gateway.get("/v1/models").await);
        assert_ne!(request_id(&one), request_id(&other));
    })
    .await;
}
