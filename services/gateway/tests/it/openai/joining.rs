//! The same request again joins the job that it began, and what is not the same gets a job of its own.

use escriba_test_support::{eventually, segment, tenant};
use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};

use super::{TRANSCRIPTIONS, cancel, form, job_of, jobs, json, play, post, refusal, sent, transcribed};
use crate::{
    stack::{Gateway, media, on_each_engine},
    worker::{Worker, done, segments},
};

/// A request as OpenAI's programs send it so many times before they give up.
fn again(request: RequestBuilder, count: u32) -> RequestBuilder {
    request.header("x-stainless-retry-count", count.to_string())
}

/// The upload of a request that joined is gone, so one recording is there for each job.
async fn one_recording_is_left_of_each_job(gateway: &Gateway) {
    let jobs = jobs(gateway).await.len();
    eventually("further uploads are gone", async || (gateway.stored_files() == jobs).then_some(())).await;
}

/// A stream's head tells which job it is of before that is done.
#[tokio::test]
async fn requests_at_once_share_a_job() {
    on_each_engine(async |gateway| {
        let parts = [("stream", "true")];
        let requests = [(); 4].map(|()| sent(post(gateway, TRANSCRIPTIONS, form(&parts))));
        let responses = join_all(requests).await;
        let item = gateway.doorbell().await;
        assert!(responses.iter().all(|response| job_of(response) == item.job_id.to_string()));
        one_recording_is_left_of_each_job(gateway).await;
        // Another way to write the answer is no other transcription.
        let text = sent(post(gateway, TRANSCRIPTIONS, form(&[("stream", "true"), ("response_format", "text")]))).await;
        assert_eq!(job_of(&text), item.job_id.to_string());

        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[segment(0)], 2_000)).await;
        worker.commit(done(2_000)).await;
        for response in responses.into_iter().chain([text]) {
            assert!(response.text().await.unwrap().contains("transcript.text.done"));
        }
        assert_eq!(jobs(gateway).await, [item.job_id.to_string()]);
    })
    .await;
}

#[tokio::test]
async fn a_program_that_gave_up_waiting_finds_its_job_again() {
    on_each_engine(async |gateway| {
        let first = tokio::spawn(sent(again(post(gateway, TRANSCRIPTIONS, form(&[])), 0)));
        let item = gateway.doorbell().await;
        let mut worker = Worker::claim(gateway, &item).await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());

        // It runs on, and the next try waits for it…
        let second = tokio::spawn(sent(again(post(gateway, TRANSCRIPTIONS, form(&[])), 1)));
        worker.commit(segments(&[segment(0)], 2_000)).await;
        worker.commit(done(2_000)).await;
        assert_eq!(json(second.await.unwrap()).await["text"], segment(0).text);
        // …or comes when it is done, and gets what it missed.
        let third = sent(again(post(gateway, TRANSCRIPTIONS, form(&[])), 2)).await;
        assert_eq!(job_of(&third), item.job_id.to_string());
        assert_eq!(json(third).await["text"], segment(0).text);
        one_recording_is_left_of_each_job(gateway).await;
        assert_eq!(jobs(gateway).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_said_to_be_a_repeat_is_transcribed_anew_once_the_first_is_done() {
    on_each_engine(async |gateway| {
        let (first, _) = transcribed(gateway, TRANSCRIPTIONS, form(&[])).await;
        for count in ["0", "", "many"] {
            let request = post(gateway, TRANSCRIPTIONS, form(&[])).header("x-stainless-retry-count", count);
            let said = [segment(0)];
            let (item, response) = tokio::join!(play(gateway, &said), sent(request));
            assert_ne!(item.job_id, first.job_id);
            assert_eq!(response.status(), 200);
        }
        one_recording_is_left_of_each_job(gateway).await;
    })
    .await;
}

#[tokio::test]
async fn other_recordings_options_workspaces_and_ways_in_have_jobs_of_their_own() {
    on_each_engine(async |gateway| {
        let stranger = tenant(&gateway.db, "globex").await;
        let submitted = gateway.submit_form(reqwest::multipart::Form::new().part("media", media(b"hello"))).await;
        let another = reqwest::multipart::Form::new().text("model", "base").part("file", media(b"another"));
        let of_stranger = gateway.anonymous(Method::POST, TRANSCRIPTIONS).bearer_auth(&stranger.key);
        let requests = [
            post(gateway, TRANSCRIPTIONS, form(&[])),
            post(gateway, TRANSCRIPTIONS, another),
            post(gateway, TRANSCRIPTIONS, form(&[("language", "en")])),
            post(gateway, TRANSCRIPTIONS, form(&[("response_format", "diarized_json")])),
            of_stranger.multipart(form(&[])),
        ];
        let mut found = vec![submitted.job_id];
        for request in requests {
            let asked = tokio::spawn(sent(again(request, 1)));
            found.push(gateway.doorbell().await.job_id);
            asked.abort();
        }
        let distinct: std::collections::BTreeSet<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(distinct.len(), 6);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_came_to_no_good_end_is_not_joined() {
    on_each_engine(async |gateway| {
        let request = tokio::spawn(sent(post(gateway, TRANSCRIPTIONS, form(&[]))));
        let item = gateway.doorbell().await;
        cancel(gateway, item.job_id).await;
        refusal(request.await.unwrap(), 409, "invalid_request_error", None, "job_canceled").await;
        let request = again(post(gateway, TRANSCRIPTIONS, form(&[])), 1);
        let said = [segment(0)];
        let (next, response) = tokio::join!(play(gateway, &said), sent(request));
        assert_ne!(next.job_id, item.job_id);
        assert_eq!(response.status(), 200);
    })
    .await;
}

#[tokio::test]
async fn a_gateway_that_stops_says_so_and_the_next_try_joins() {
    on_each_engine(async |gateway| {
        let first = tokio::spawn(sent(post(gateway, TRANSCRIPTIONS, form(&[]))));
        let item = gateway.doorbell().await;
        gateway.restart().await;
        let response = first.await.unwrap();
        assert_eq!(job_of(&response), item.job_id.to_string());
        refusal(response, 503, "server_error", None, "unavailable").await;

        let second = tokio::spawn(sent(again(post(gateway, TRANSCRIPTIONS, form(&[])), 1)));
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[segment(0)], 2_000)).await;
        worker.commit(done(2_000)).await;
        assert_eq!(job_of(&second.await.unwrap()), item.job_id.to_string());
        one_recording_is_left_of_each_job(gateway).await;
    })
    .await;
}
