//! Uploads in pieces, rule by rule of the protocol, and that no byte a sender was told of is lost.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use escriba_database::{outbox, uploads};
use escriba_domain::{JobId, UploadId};
use escriba_gateway::app::{housekeeping::Mode, sweep_orphans::sweep_orphans, uploads::delete_expired};
use escriba_test_support::eventually;
use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::stack::{Gateway, MAX_UPLOAD_BYTES, on_each_engine, problem};

pub(crate) const STREAM: &str = "application/offset+octet-stream";

pub(crate) fn tus(gateway: &Gateway, method: Method, path: &str) -> RequestBuilder {
    gateway.request(method, path).header("Tus-Resumable", "1.0.0")
}

pub(crate) fn metadata(said: &[(&str, &str)]) -> String {
    let pairs = said.iter().map(|(name, value)| format!("{name} {}", STANDARD.encode(value)));
    pairs.collect::<Vec<_>>().join(",")
}

/// A new upload's place.
pub(crate) async fn begin(gateway: &Gateway, length: usize) -> String {
    let request = tus(gateway, Method::POST, "/v1/uploads").header("Upload-Length", length);
    let request = request.header("Upload-Metadata", metadata(&[("filename", "talk.mp3"), ("lane", "batch")]));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 201, "{}", response.text().await.unwrap());
    header(&response, "location")
}

pub(crate) fn patch(gateway: &Gateway, place: &str, offset: usize) -> RequestBuilder {
    tus(gateway, Method::PATCH, place).header("Upload-Offset", offset).header("Content-Type", STREAM)
}

pub(crate) async fn send(gateway: &Gateway, place: &str, offset: usize, bytes: &[u8]) -> Response {
    patch(gateway, place, offset).body(bytes.to_vec()).send().await.unwrap()
}

pub(crate) fn header(response: &Response, name: &str) -> String {
    response.headers()[name].to_str().unwrap().to_owned()
}

/// Where an upload stands.
pub(crate) async fn offset(gateway: &Gateway, place: &str) -> usize {
    let response = tus(gateway, Method::HEAD, place).send().await.unwrap();
    assert_eq!(response.status(), 200);
    header(&response, "upload-offset").parse().unwrap()
}

pub(crate) fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|nth| u8::try_from(nth % 251).unwrap()).collect()
}

/// The upload has become a job of these bytes, and nothing else is left in storage.
async fn is_whole(gateway: &mut Gateway, place: &str, bytes: &[u8]) -> Value {
    let response = tus(gateway, Method::HEAD, place).send().await.unwrap();
    assert_eq!(header(&response, "upload-offset"), bytes.len().to_string());
    let job: JobId = header(&response, "x-escriba-job").parse().unwrap();
    assert_eq!(gateway.doorbell().await.job_id, job);
    let job = gateway.job(job).await;
    assert_eq!(job["media"]["sha256"], hex::encode(Sha256::digest(bytes)));
    assert_eq!((&job["media"]["bytes"], &job["state"]), (&bytes.len().into(), &"queued".into()));
    assert_eq!(gateway.stored_files(), 1);
    job
}

#[tokio::test]
async fn the_server_says_what_it_speaks() {
    on_each_engine(async |gateway| {
        let response = gateway.request(Method::OPTIONS, "/v1/uploads").send().await.unwrap();
        assert_eq!(response.status(), 204);
        for (name, value) in [
            ("tus-resumable", "1.0.0"),
            ("tus-version", "1.0.0"),
            ("tus-extension", "creation,creation-with-upload,termination,checksum,expiration"),
            ("tus-max-size", &MAX_UPLOAD_BYTES.to_string()),
            ("tus-checksum-algorithm", "sha1,sha256"),
        ] {
            assert_eq!(header(&response, name), value);
        }
    })
    .await;
}

#[tokio::test]
async fn pieces_become_a_recording_and_a_job() {
    on_each_engine(async |gateway| {
        let whole = bytes(100_000);
        let place = begin(gateway, whole.len()).await;
        let mut sent = 0;
        for size in [1, 40_000, 0, 59_998] {
            let response = send(gateway, &place, sent, &whole[sent..sent + size]).await;
            sent += size;
            assert_eq!(response.status(), 204);
            assert_eq!(header(&response, "upload-offset"), sent.to_string());
            assert!(header(&response, "upload-expires").ends_with(" GMT"));
            assert!(!response.headers().contains_key("x-escriba-job"));
            assert_eq!(offset(gateway, &place).await, sent);
        }
        assert_eq!(outbox::count(&gateway.db).await.unwrap(), 0);
        let response = send(gateway, &place, sent, &whole[sent..]).await;
        let job = header(&response, "x-escriba-job");
        assert_eq!(header(&response, "location"), format!("/v1/jobs/{job}"));
        let job = is_whole(gateway, &place, &whole).await;
        assert_eq!((&job["file_name"], &job["options"]["lane"]), (&"talk.mp3".into(), &"batch".into()));
        // Sent again at its end, nothing comes of it.
        assert_eq!(send(gateway, &place, whole.len(), b"").await.status(), 204);
    })
    .await;
}

#[tokio::test]
async fn an_upload_goes_on_at_the_gateway_that_comes_after() {
    on_each_engine(async |gateway| {
        let whole = bytes(50_000);
        let place = begin(gateway, whole.len()).await;
        assert_eq!(send(gateway, &place, 0, &whole[..20_000]).await.status(), 204);
        gateway.restart().await;
        assert_eq!(offset(gateway, &place).await, 20_000);
        assert_eq!(send(gateway, &place, 20_000, &whole[20_000..]).await.status(), 204);
        is_whole(gateway, &place, &whole).await;
        gateway.restart().await;
        assert_eq!(offset(gateway, &place).await, whole.len());
    })
    .await;
}

/// The beginning of a request whose rest does not come.
async fn send_slowly(gateway: &Gateway, place: &str, bytes: &[u8], length: usize) -> TcpStream {
    let head = format!(
        "PATCH {place} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {}\r\nTus-Resumable: 1.0.0\r\n\
         Upload-Offset: 0\r\nContent-Type: {STREAM}\r\nContent-Length: {length}\r\n\r\n",
        gateway.key
    );
    let mut connection = TcpStream::connect(("127.0.0.1", gateway.http_port())).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(bytes).await.unwrap();
    connection
}

#[tokio::test]
async fn what_arrived_before_the_connection_broke_is_kept() {
    on_each_engine(async |gateway| {
        let whole = bytes(300_000);
        let place = begin(gateway, whole.len()).await;
        let connection = send_slowly(gateway, &place, &whole[..100_000], whole.len()).await;
        drop(connection);
        let kept = eventually("what arrived is kept", async || {
            let kept = offset(gateway, &place).await;
            (kept > 0).then_some(kept)
        })
        .await;
        assert!(kept <= 100_000);
        let response = eventually("the broken request has let go", async || {
            let response = send(gateway, &place, kept, &whole[kept..]).await;
            (response.status() == 204).then_some(response)
        })
        .await;
        assert!(response.headers().contains_key("x-escriba-job"));
        is_whole(gateway, &place, &whole).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_request_at_a_time_writes_an_upload() {
    on_each_engine(async |gateway| {
        let whole = bytes(300_000);
        let place = begin(gateway, whole.len()).await;
        let upload: UploadId = place.rsplit('/').next().unwrap().parse().unwrap();
        let other = uploads::Writer { upload, id: uuid::Uuid::now_v7() };
        assert!(uploads::hold(&gateway.db, other, Duration::from_mins(10)).await.unwrap());
        problem(send(gateway, &place, 0, &whole).await, 423, "upload_locked").await;
        assert_eq!((offset(gateway, &place).await, gateway.stored_files()), (0, 0));
        uploads::release(&gateway.db, other).await.unwrap();

        let sent = join_all((0..8).map(|_| send(gateway, &place, 0, &whole))).await;
        let mut took = 0;
        for response in sent {
            match response.status().as_u16() {
                204 => took += 1,
                423 => drop(problem(response, 423, "upload_locked").await),
                _ => drop(problem(response, 409, "upload_offset_mismatch").await),
            }
        }
        assert_eq!(took, 1);
        is_whole(gateway, &place, &whole).await;
    })
    .await;
}

#[tokio::test]
async fn an_upload_may_begin_with_its_bytes() {
    on_each_engine(async |gateway| {
        let whole = bytes(1_000);
        for first in [400, 1_000] {
            let request = tus(gateway, Method::POST, "/v1/uploads").header("Upload-Length", whole.len());
            let request = request.header("Content-Type", STREAM).body(whole[..first].to_vec());
            let response = request.send().await.unwrap();
            assert_eq!((response.status().as_u16(), header(&response, "upload-offset")), (201, first.to_string()));
            let place = header(&response, "location");
            if first < whole.len() {
                assert_eq!(send(gateway, &place, first, &whole[first..]).await.status(), 204);
            } else {
                assert!(response.headers().contains_key("x-escriba-job"));
            }
            let job = is_whole(gateway, &place, &whole).await;
            let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
            gateway.request(Method::DELETE, &path).send().await.unwrap();
        }
        // An empty recording is whole from the start.
        let place = begin(gateway, 0).await;
        is_whole(gateway, &place, b"").await;
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_is_begun_again_with_its_key_is_the_same_one() {
    on_each_engine(async |gateway| {
        let whole = bytes(1_000);
        let create = |length: usize| {
            let request = tus(gateway, Method::POST, "/v1/uploads").header("Upload-Length", length);
            request.header("Idempotency-Key", "one").header("Content-Type", STREAM).body(whole[..400].to_vec()).send()
        };
        let first = create(whole.len()).await.unwrap();
        let place = header(&first, "location");
        send(gateway, &place, 400, &whole[400..500]).await;
        let again = create(whole.len()).await.unwrap();
        assert_eq!(again.status(), 201);
        assert_eq!((header(&again, "location"), header(&again, "upload-offset")), (place.clone(), "500".to_owned()));
        problem(create(999).await.unwrap(), 422, "idempotency_key_reused").await;
        send(gateway, &place, 500, &whole[500..]).await;
        let again = create(whole.len()).await.unwrap();
        assert!(again.headers().contains_key("x-escriba-job"));
        is_whole(gateway, &place, &whole).await;
    })
    .await;
}

#[tokio::test]
async fn an_ended_upload_leaves_nothing_but_the_job_it_became() {
    on_each_engine(async |gateway| {
        let place = begin(gateway, 100).await;
        send(gateway, &place, 0, &bytes(50)).await;
        assert_eq!(gateway.stored_files(), 1);
        assert_eq!(tus(gateway, Method::DELETE, &place).send().await.unwrap().status(), 204);
        assert_eq!(gateway.stored_files(), 0);
        problem(send(gateway, &place, 50, &bytes(50)).await, 404, "upload_not_found").await;
        problem(tus(gateway, Method::DELETE, &place).send().await.unwrap(), 404, "upload_not_found").await;
        assert_eq!(tus(gateway, Method::HEAD, &place).send().await.unwrap().status(), 404);

        let place = begin(gateway, 100).await;
        send(gateway, &place, 0, &bytes(100)).await;
        let item = gateway.doorbell().await;
        assert_eq!(tus(gateway, Method::DELETE, &place).send().await.unwrap().status(), 204);
        assert_eq!(gateway.job(item.job_id).await["state"], "queued");
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_was_left_is_gone_and_its_bytes_are_swept() {
    on_each_engine(async |gateway| {
        let place = begin(gateway, 100).await;
        send(gateway, &place, 0, &bytes(50)).await;
        let id: UploadId = place.rsplit('/').next().unwrap().parse().unwrap();
        let blobs = escriba_blobs::BlobStore::open(&gateway.storage_url()).unwrap();
        let sweep = async || sweep_orphans(&gateway.db, &blobs, Duration::ZERO, Mode::DryRun).await.unwrap();
        assert_eq!((sweep().await.orphans.count, sweep().await.kept.count), (0, 1), "a part that is noted is needed");

        let writer = uploads::Writer { upload: id, id: uuid::Uuid::now_v7() };
        assert!(uploads::hold(&gateway.db, writer, Duration::ZERO).await.unwrap());
        let tx = gateway.db.begin().await.unwrap();
        assert!(uploads::advance(&tx, writer, 50, Duration::ZERO).await.unwrap());
        tx.commit().await.unwrap();
        problem(send(gateway, &place, 50, &bytes(50)).await, 410, "upload_gone").await;
        assert_eq!(tus(gateway, Method::HEAD, &place).send().await.unwrap().status(), 410);
        let young = begin(gateway, 100).await;
        send(gateway, &young, 0, &bytes(50)).await;

        assert_eq!(delete_expired(&gateway.db, &blobs).await.unwrap(), 1);
        assert_eq!((gateway.stored_files(), offset(gateway, &young).await), (1, 50));
        assert_eq!(tus(gateway, Method::HEAD, &place).send().await.unwrap().status(), 404);

        let id: UploadId = young.rsplit('/').next().unwrap().parse().unwrap();
        let tx = gateway.db.begin().await.unwrap();
        uploads::delete(&tx, gateway.workspace, id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(sweep().await.orphans.count, 1, "without its row a part is not needed");
    })
    .await;
}
