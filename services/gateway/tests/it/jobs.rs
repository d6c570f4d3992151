//! Looking at jobs, listing, canceling and deleting them.

use escriba_database::{jobs, transcripts};
use escriba_domain::{JobId, WorkspaceId};
use escriba_proto::v1::{directive::Body as Answer, refused::Reason};
use escriba_test_support::segment;
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::Value;

use crate::{
    stack::{Gateway, on_each_engine, problem},
    worker::{Worker, done, progress, refusal, segments},
};

async fn list(gateway: &Gateway, query: &str) -> (Vec<String>, Option<String>) {
    let response = gateway.get(&format!("/v1/jobs{query}")).await;
    assert_eq!(response.status(), 200);
    let page: Value = response.json().await.unwrap();
    let id = |job: &Value| job["id"].as_str().unwrap().to_owned();
    (page["items"].as_array().unwrap().iter().map(id).collect(), page["next_cursor"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn jobs_are_listed_newest_first_page_by_page() {
    on_each_engine(async |gateway| {
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.insert(0, gateway.submit().await.job_id.to_string());
        }
        assert_eq!(list(gateway, "").await, (ids.clone(), None));
        let (first, cursor) = list(gateway, "?limit=2").await;
        assert_eq!(first, ids[..2]);
        // A job that arrives in between does not move what comes next.
        let newest = gateway.submit().await;
        let (second, cursor) = list(gateway, &format!("?limit=2&cursor={}", cursor.unwrap())).await;
        assert_eq!(second, ids[2..4]);
        let (third, cursor) = list(gateway, &format!("?limit=2&cursor={}", cursor.unwrap())).await;
        assert_eq!((third.as_slice(), cursor), (&ids[4..], None));

        let _worker = Worker::claim(gateway, &newest).await;
        let oldest = ids.pop().unwrap();
        ids.insert(0, newest.job_id.to_string());
        assert_eq!(list(gateway, "?state=running").await.0, [oldest], "the first come was the first served");
        assert_eq!(list(gateway, "?state=queued").await.0, ids);
        assert!(list(gateway, "?state=failed").await.0.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_list_that_cannot_be_asked_for_is_refused() {
    on_each_engine(async |gateway| {
        for cursor in ["latest", &JobId::new().to_string()] {
            problem(gateway.get(&format!("/v1/jobs?cursor={cursor}")).await, 422, "cursor_invalid").await;
        }
        for parameter in ["limit=0", "limit=201", "limit=x", "min_duration=long", "created_after=yesterday", "count=2"]
        {
            problem(gateway.get(&format!("/v1/jobs?{parameter}")).await, 400, "bad_request").await;
        }
        for parameter in [
            "state=done",
            "state=failed,done",
            "language=klingon",
            "model=Base!",
            "lane=fast",
            "min_duration=-1",
            "max_duration=NaN",
            "sort=colour",
            "fields=colour",
        ] {
            problem(gateway.get(&format!("/v1/jobs?{parameter}")).await, 422, "parameter_invalid").await;
        }
        let endless = format!("/v1/jobs?q={}", "x".repeat(501));
        problem(gateway.get(&endless).await, 422, "search_too_long").await;
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    on_each_engine(async |gateway| {
        let id = JobId::new();
        for (method, path) in [
            (Method::GET, format!("/v1/jobs/{id}")),
            (Method::DELETE, format!("/v1/jobs/{id}")),
            (Method::POST, format!("/v1/jobs/{id}/cancel")),
            (Method::GET, format!("/v1/jobs/{id}/events")),
        ] {
            let response = gateway.request(method, &path).send().await.unwrap();
            let detail = problem(response, 404, "job_not_found").await;
            assert_eq!(detail, format!("There is no job {id}."));
        }
        problem(gateway.get("/v1/nowhere").await, 404, "path_not_found").await;
        let wrong_method = gateway.request(Method::PUT, "/v1/jobs").send().await.unwrap();
        problem(wrong_method, 405, "method_not_allowed").await;
        problem(gateway.get("/v1/jobs/latest").await, 400, "bad_request").await;
    })
    .await;
}

#[tokio::test]
async fn canceling_a_queued_job_leaves_its_work_item_without_purpose() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let path = format!("/v1/jobs/{}/cancel", item.job_id);
        for _ in 0..2 {
            let response = gateway.request(Method::POST, &path).send().await.unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(response.json::<Value>().await.unwrap()["state"], "canceled");
        }
        assert_eq!(refusal(gateway, &item, 0).await, Reason::Over);
        assert_eq!(gateway.event_names_until(item.job_id, "canceled").await, ["queued", "canceled"]);
    })
    .await;
}

#[tokio::test]
async fn a_worker_hears_of_a_cancellation_with_its_next_report() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[segment(0)], 2_000)).await;
        let path = format!("/v1/jobs/{}/cancel", item.job_id);
        assert_eq!(gateway.request(Method::POST, &path).send().await.unwrap().status(), 200);
        assert!(matches!(worker.ask(progress(2_500, 10_000)).await, Answer::Cancel(_)));
        assert!(worker.is_ended().await);

        let job = gateway.job(item.job_id).await;
        assert_eq!(job["state"], "canceled");
        let kept = transcripts::segments(&gateway.db, item.job_id).count().await;
        assert_eq!(kept, 1, "what was transcribed stays");
        let names = gateway.event_names_until(item.job_id, "canceled").await;
        assert_eq!(names, ["queued", "started", "segments_added", "canceled"]);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_is_over_cannot_be_canceled() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        Worker::claim(gateway, &item).await.commit(done(1_000)).await;
        let path = format!("/v1/jobs/{}/cancel", item.job_id);
        let response = gateway.request(Method::POST, &path).send().await.unwrap();
        problem(response, 409, "job_over").await;
        assert_eq!(gateway.job(item.job_id).await["state"], "completed");
    })
    .await;
}

#[tokio::test]
async fn deleting_a_job_takes_everything_of_it_along_and_says_so() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let kept = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[segment(0), segment(1)], 4_000)).await;
        assert_eq!(gateway.stored_files(), 2);

        let path = format!("/v1/jobs/{}", item.job_id);
        let response = gateway.request(Method::DELETE, &path).send().await.unwrap();
        assert_eq!(response.status(), 204);
        assert_eq!(gateway.stored_files(), 1, "the other recording stays");
        problem(gateway.get(&path).await, 404, "job_not_found").await;
        problem(gateway.request(Method::DELETE, &path).send().await.unwrap(), 404, "job_not_found").await;
        assert!(jobs::find(&gateway.db, gateway.workspace, item.job_id).await.unwrap().is_none());
        assert_eq!(transcripts::segments(&gateway.db, item.job_id).count().await, 0);

        assert!(matches!(worker.ask(progress(5_000, 0)).await, Answer::Cancel(_)), "its worker stops");
        assert_eq!(refusal(gateway, &item, worker.proceed.lease).await, Reason::Over);
        let names = gateway.event_names_until(item.job_id, "deleted").await;
        assert_eq!(names, ["queued", "started", "segments_added", "deleted"]);
        assert_eq!(gateway.job(kept.job_id).await["state"], "queued");
    })
    .await;
}

#[tokio::test]
async fn events_carry_the_workspace_they_belong_to() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        assert_eq!(item.workspace_id, gateway.workspace);
        let stranger = WorkspaceId::new();
        let mut events = Box::pin(gateway.messaging.replay_events(stranger, item.job_id, None).await.unwrap());
        gateway.outbox_is_empty().await;
        let nothing = futures_util::poll!(events.next());
        assert!(nothing.is_pending());
    })
    .await;
}
