//! The recording comes back as it was sent, whole or in part, and a browser runs nothing of it.

use escriba_blobs::{BlobStore, ObjectKey};
use escriba_database::media;
use escriba_domain::{JobId, MediaId};
use reqwest::{
    Method, Response,
    multipart::{Form, Part},
};

use crate::stack::{Gateway, on_each_engine, problem};

/// Long enough for several pieces of a stream.
fn bytes() -> Vec<u8> {
    (0..200_000_u32).map(|at| u8::try_from(at % 253).unwrap()).collect()
}

fn form(part: Part) -> Form {
    Form::new().part("media", part)
}

async fn submit(gateway: &mut Gateway, part: Part) -> JobId {
    gateway.submit_form(form(part)).await.job_id
}

async fn ask(gateway: &Gateway, job: JobId, headers: &[(&str, &str)]) -> Response {
    let request = gateway.request(Method::GET, &format!("/v1/jobs/{job}/media"));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

#[tokio::test]
async fn a_recording_comes_back_whole_or_in_part() {
    on_each_engine(async |gateway| {
        let part = Part::bytes(bytes()).file_name("año \"1\".mp3").mime_str("audio/mpeg").unwrap();
        let job = submit(gateway, part).await;
        let whole = ask(gateway, job, &[]).await;
        assert_eq!(whole.status(), 200);
        assert_eq!(header(&whole, "content-length"), "200000");
        assert_eq!(header(&whole, "accept-ranges"), "bytes");
        assert_eq!(header(&whole, "content-type"), "audio/mpeg");
        assert_eq!(header(&whole, "x-content-type-options"), "nosniff");
        assert!(header(&whole, "content-security-policy").contains("sandbox"));
        let disposition = header(&whole, "content-disposition");
        assert_eq!(disposition, "inline; filename=\"a_o _1_.mp3\"; filename*=UTF-8''a%C3%B1o%20%221%22.mp3");
        let tag = header(&whole, "etag").to_owned();
        let sha256 = gateway.job(job).await["media"]["sha256"].as_str().unwrap().to_owned();
        assert_eq!(tag, format!("\"{sha256}\""));
        assert_eq!(whole.bytes().await.unwrap(), bytes());

        for (range, told, expected) in [
            ("bytes=0-0", "bytes 0-0/200000", 0..1),
            ("bytes=1000-150000", "bytes 1000-150000/200000", 1_000..150_001),
            ("bytes=199999-", "bytes 199999-199999/200000", 199_999..200_000),
            ("bytes=-10", "bytes 199990-199999/200000", 199_990..200_000),
        ] {
            let part = ask(gateway, job, &[("Range", range), ("If-Range", &tag)]).await;
            assert_eq!((part.status().as_u16(), header(&part, "content-range")), (206, told));
            assert_eq!(header(&part, "content-length"), expected.len().to_string());
            assert_eq!(header(&part, "etag"), tag);
            assert_eq!(part.bytes().await.unwrap(), bytes()[expected]);
        }
        for headers in [[("Range", "bytes=0-1,5-6"), ("X", "")], [("Range", "bytes=0-1"), ("If-Range", "\"other\"")]] {
            let response = ask(gateway, job, &headers).await;
            assert_eq!((response.status().as_u16(), response.bytes().await.unwrap().len()), (200, 200_000));
        }
        let beyond = ask(gateway, job, &[("Range", "bytes=200000-")]).await;
        assert_eq!(header(&beyond, "content-range"), "bytes */200000");
        problem(beyond, 416, "range_invalid").await;
        let known = ask(gateway, job, &[("If-None-Match", &tag), ("Range", "bytes=0-1")]).await;
        assert_eq!((known.status().as_u16(), known.bytes().await.unwrap().len()), (304, 0));
        let head = gateway.request(Method::HEAD, &format!("/v1/jobs/{job}/media")).send().await.unwrap();
        assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, "200000"));
        assert_eq!(head.bytes().await.unwrap().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_recording_is_called_what_it_is_and_never_what_a_browser_runs() {
    on_each_engine(async |gateway| {
        let wav = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        let page = b"<html><script>alert(1)</script>".to_vec();
        let named = |bytes: &[u8], kind: &str| Part::bytes(bytes.to_vec()).file_name("a").mime_str(kind).unwrap();
        for (part, expected) in [
            (Part::bytes(wav.clone()).file_name("a"), "audio/x-wav"),
            (named(&wav, "text/html"), "audio/x-wav"),
            (named(&page, "text/html; charset=utf-8"), "application/octet-stream"),
            (named(&page, "image/svg+xml"), "application/octet-stream"),
            (named(&page, "video/mp4; codecs=x"), "video/mp4"),
            (named(b"", "text/html"), "application/octet-stream"),
        ] {
            let job = submit(gateway, part).await;
            let response = ask(gateway, job, &[]).await;
            assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, expected));
        }
    })
    .await;
}

#[tokio::test]
async fn a_recording_that_is_gone_or_not_ones_own_is_not_found() {
    on_each_engine(async |gateway| {
        let job = submit(gateway, Part::bytes(bytes()).file_name("a.mp3")).await;
        problem(ask(gateway, JobId::new(), &[]).await, 404, "job_not_found").await;
        let stranger = escriba_test_support::tenant(&gateway.db, "stranger").await;
        let request = gateway.anonymous(Method::GET, &format!("/v1/jobs/{job}/media")).bearer_auth(&stranger.key);
        problem(request.send().await.unwrap(), 404, "job_not_found").await;
        let request = gateway.anonymous(Method::GET, &format!("/v1/jobs/{job}/media"));
        problem(request.send().await.unwrap(), 401, "api_key_missing").await;

        let id: MediaId = gateway.job(job).await["media"]["id"].as_str().unwrap().parse().unwrap();
        std::fs::remove_file(gateway.storage().join(format!("media/{}/{id}", gateway.workspace))).unwrap();
        problem(ask(gateway, job, &[]).await, 404, "media_missing").await;
        let tx = gateway.db.begin().await.unwrap();
        media::mark_deleted(&tx, &[id]).await.unwrap();
        tx.commit().await.unwrap();
        let sentence = problem(ask(gateway, job, &[]).await, 410, "media_deleted").await;
        assert!(sentence.contains("transcript"), "{sentence}");
    })
    .await;
}

#[tokio::test]
async fn a_browser_is_given_what_it_plays() {
    on_each_engine(async |gateway| {
        let original = Part::bytes(bytes()).file_name("call.amr").mime_str("audio/amr").unwrap();
        let job = submit(gateway, original).await;
        let playable = format!("/v1/jobs/{job}/media?playable=true");
        assert_eq!(header(&gateway.get(&playable).await, "content-type"), "audio/amr", "there is nothing else yet");
        let key = ObjectKey::Rendition { workspace: gateway.workspace, job };
        let store = BlobStore::open(&gateway.storage_url()).unwrap();
        store.put(key, vec![b"an mp3".to_vec().into()]).await.unwrap();

        let whole = gateway.get(&playable).await;
        assert_eq!((header(&whole, "content-type"), header(&whole, "content-length")), ("audio/mpeg", "6"));
        assert!(header(&whole, "content-disposition").contains("call.mp3"));
        let tag = header(&whole, "etag").to_owned();
        assert!(tag.ends_with("-mp3\""), "{tag}");
        assert_eq!(whole.bytes().await.unwrap(), "an mp3");
        let part = gateway.request(Method::GET, &playable).header("Range", "bytes=3-").header("If-Range", &tag);
        let part = part.send().await.unwrap();
        assert_eq!((part.status().as_u16(), header(&part, "content-range")), (206, "bytes 3-5/6"));
        assert_eq!(part.bytes().await.unwrap(), "mp3");
        let known = gateway.request(Method::GET, &playable).header("If-None-Match", &tag).send().await.unwrap();
        assert_eq!(known.status(), 304);
        let sent = ask(gateway, job, &[]).await;
        assert_eq!(header(&sent, "content-type"), "audio/amr");

        let deleted = gateway.request(Method::DELETE, &format!("/v1/jobs/{job}")).send().await.unwrap();
        assert_eq!((deleted.status().as_u16(), gateway.stored_files()), (204, 0));
    })
    .await;
}
