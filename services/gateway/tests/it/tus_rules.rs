//! What the protocol of uploads in pieces refuses, and with which word.

use base64::{Engine, engine::general_purpose::STANDARD};
use escriba_test_support::tenant;
use reqwest::{Method, Response};
use sha2::{Digest, Sha256};

use crate::{
    stack::{Gateway, MAX_UPLOAD_BYTES, on_each_engine, problem},
    tus::{STREAM, begin, bytes, header, metadata, offset, patch, send, tus},
};

/// Sends bytes with what is said to be their checksum.
async fn send_with(gateway: &Gateway, place: &str, offset: usize, sent: (&str, &[u8])) -> Response {
    let request = patch(gateway, place, offset).header("Upload-Checksum", sent.0);
    request.body(sent.1.to_vec()).send().await.unwrap()
}

#[tokio::test]
async fn bytes_for_another_place_are_refused_and_change_nothing() {
    on_each_engine(async |gateway| {
        let place = begin(gateway, 100).await;
        send(gateway, &place, 0, &bytes(10)).await;
        for wrong in [0, 9, 11, 100] {
            let detail = problem(send(gateway, &place, wrong, &bytes(5)).await, 409, "upload_offset_mismatch").await;
            assert!(detail.contains("stands at byte 10"), "{detail}");
        }
        let missing = tus(gateway, Method::PATCH, &place).header("Content-Type", STREAM).body("x");
        problem(missing.send().await.unwrap(), 400, "bad_request").await;
        problem(send(gateway, &place, 10, &bytes(91)).await, 422, "upload_length_exceeded").await;
        assert_eq!(offset(gateway, &place).await, 10);
    })
    .await;
}

#[tokio::test]
async fn bytes_with_a_checksum_are_taken_whole_or_not_at_all() {
    on_each_engine(async |gateway| {
        let whole = bytes(40_000);
        let place = begin(gateway, whole.len()).await;
        let sha256 = |bytes: &[u8]| format!("sha256 {}", STANDARD.encode(Sha256::digest(bytes)));
        let wrong = send_with(gateway, &place, 0, (&sha256(b"something else"), &whole[..10_000])).await;
        problem(wrong, 460, "checksum_mismatch").await;
        assert_eq!((offset(gateway, &place).await, gateway.stored_files()), (0, 0));
        for header in ["md5 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "sha1", "sha1 x"] {
            problem(send_with(gateway, &place, 0, (header, &whole[..10])).await, 400, "bad_request").await;
        }
        let first = send_with(gateway, &place, 0, (&sha256(&whole[..10_000]), &whole[..10_000])).await;
        assert_eq!(first.status(), 204);
        let late = send_with(gateway, &place, 10_000, (&sha256(b"something else"), &whole[10_000..])).await;
        problem(late, 460, "checksum_mismatch").await;
        assert_eq!(offset(gateway, &place).await, 10_000);
        // The protocol's own example.
        let hello = begin(gateway, 11).await;
        let response = send_with(gateway, &hello, 0, ("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", b"hello world")).await;
        assert_eq!(response.status(), 204);
        gateway.doorbell().await;
        tus(gateway, Method::DELETE, &hello).send().await.unwrap();
        let last = send_with(gateway, &place, 10_000, (&sha256(&whole[10_000..]), &whole[10_000..])).await;
        assert_eq!(last.status(), 204);
        gateway.doorbell().await;
    })
    .await;
}

#[tokio::test]
async fn requests_of_another_version_are_refused() {
    on_each_engine(async |gateway| {
        let place = begin(gateway, 10).await;
        for method in [Method::PATCH, Method::DELETE, Method::POST] {
            let path = if method == Method::POST { "/v1/uploads" } else { &place };
            for version in [None, Some("0.2.2")] {
                let mut request = gateway.request(method.clone(), path).header("Content-Type", STREAM);
                if let Some(version) = version {
                    request = request.header("Tus-Resumable", version);
                }
                let response = request.send().await.unwrap();
                assert_eq!(header(&response, "tus-version"), "1.0.0");
                assert_eq!(header(&response, "tus-resumable"), "1.0.0");
                problem(response, 412, "tus_version_unsupported").await;
            }
        }
        assert_eq!(gateway.request(Method::HEAD, &place).send().await.unwrap().status(), 412);
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_cannot_be_begun_is_refused_with_a_sentence() {
    on_each_engine(async |gateway| {
        let create = |length: Option<usize>, metadata: &str| {
            let request = tus(gateway, Method::POST, "/v1/uploads").header("Upload-Metadata", metadata);
            length.map_or(request.try_clone().unwrap(), |length| request.header("Upload-Length", length)).send()
        };
        problem(create(None, "").await.unwrap(), 400, "bad_request").await;
        let large = create(Some(MAX_UPLOAD_BYTES + 1), "").await.unwrap();
        problem(large, 413, "upload_too_large").await;
        for (said, status, code) in [
            ("lane !", 400, "bad_request"),
            (&metadata(&[("lane", "fast")]), 422, "option_invalid"),
            (&metadata(&[("speaker_count", "2")]), 422, "option_unknown"),
            (&metadata(&[("media", "x")]), 422, "option_unknown"),
            (&metadata(&[("language", "en"), ("languages", "en")]), 422, "option_invalid"),
        ] {
            problem(create(Some(10), said).await.unwrap(), status, code).await;
        }
        // What upload libraries send by themselves is no option.
        let said = metadata(&[("name", "talk.mp3"), ("type", "audio/mpeg"), ("relativePath", "null")]);
        assert_eq!(create(Some(10), &said).await.unwrap().status(), 201);
        let place = begin(gateway, 10).await;
        let typeless = tus(gateway, Method::PATCH, &place).header("Upload-Offset", 0).body("x").send().await.unwrap();
        problem(typeless, 415, "unsupported_media_type").await;
    })
    .await;
}

#[tokio::test]
async fn uploads_belong_to_workspaces() {
    on_each_engine(async |gateway| {
        let place = begin(gateway, 10).await;
        let stranger = tenant(&gateway.db, "globex").await;
        for method in [Method::PATCH, Method::DELETE] {
            let request = gateway.anonymous(method, &place).bearer_auth(&stranger.key);
            let request = request.header("Tus-Resumable", "1.0.0").header("Content-Type", STREAM);
            let response = request.header("Upload-Offset", 0).body("x").send().await.unwrap();
            problem(response, 404, "upload_not_found").await;
        }
        let nobody = gateway.anonymous(Method::POST, "/v1/uploads").send().await.unwrap();
        assert_eq!(header(&nobody, "tus-resumable"), "1.0.0");
        problem(nobody, 401, "api_key_missing").await;
    })
    .await;
}

#[tokio::test]
async fn a_method_may_be_named_in_a_header() {
    on_each_engine(async |gateway| {
        let place = begin(gateway, 10).await;
        let request = tus(gateway, Method::POST, &place).header("X-HTTP-Method-Override", "PATCH");
        let request = request.header("Upload-Offset", 0).header("Content-Type", STREAM);
        assert_eq!(request.body("hello").send().await.unwrap().status(), 204);
        assert_eq!(offset(gateway, &place).await, 5);
    })
    .await;
}
