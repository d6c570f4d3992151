//! One request about many jobs: what becomes of each, and many transcripts in one file.

use std::{collections::BTreeMap, io::Read};

use escriba_database::{Database, transcripts};
use escriba_domain::{JobId, Segment};
use escriba_events::WorkItem;
use escriba_proto::v1::{
    Format, RenderRequest, RenderedHead, RenderedPart,
    exports_server::{Exports, ExportsServer},
};
use escriba_test_support::{segment, tenant};
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tonic::{Request, Status};

use crate::{
    stack::{Gateway, on_each_engine, problem, recording},
    worker::{Worker, done, failed, segments},
};

async fn post(gateway: &Gateway, what: &str, body: &Value) -> Response {
    gateway.request(Method::POST, &format!("/v1/jobs/bulk/{what}")).json(body).send().await.unwrap()
}

async fn results(gateway: &Gateway, what: &str, body: &Value) -> Value {
    let response = post(gateway, what, body).await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

fn outcomes(results: &Value) -> Vec<(&str, &str, Option<&str>)> {
    let all = results["results"].as_array().unwrap().iter();
    all.map(|one| (one["id"].as_str().unwrap(), one["outcome"].as_str().unwrap(), one["code"].as_str())).collect()
}

async fn complete(gateway: &Gateway, item: &WorkItem, text: &str) {
    let mut worker = Worker::claim(gateway, item).await;
    worker.commit(segments(&[Segment { text: text.to_owned(), ..segment(0) }], 2_000)).await;
    worker.commit(done(2_000)).await;
}

#[tokio::test]
async fn each_of_many_jobs_gets_its_own_answer() {
    on_each_engine(async |gateway| {
        let stranger = tenant(&gateway.db, "globex").await;
        let broken = gateway.submit().await;
        Worker::claim(gateway, &broken).await.commit(failed("media_undecodable", false)).await;
        let over = gateway.submit().await;
        complete(gateway, &over, "text").await;
        let [broken, over, unknown] = [broken.job_id, over.job_id, JobId::new()].map(|id| id.to_string());
        let ids = json!({ "ids": [&broken, &over, &unknown, &broken] });

        let strangers = gateway.anonymous(Method::POST, "/v1/jobs/bulk/delete").bearer_auth(&stranger.key);
        let answer: Value = strangers.json(&ids).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["done"], 0);
        assert!(outcomes(&answer).iter().all(|(_, outcome, _)| *outcome == "not_found"));

        let retried = results(gateway, "retry", &ids).await;
        let expected = [
            (broken.as_str(), "done", None),
            (over.as_str(), "conflict", Some("job_not_over")),
            (unknown.as_str(), "not_found", Some("job_not_found")),
        ];
        assert_eq!(outcomes(&retried), expected);
        assert_eq!((&retried["done"], &retried["more"]), (&json!(1), &json!(false)));
        assert!(retried["results"][1]["detail"].as_str().unwrap().contains("completed"));
        assert_eq!(gateway.doorbell().await.job_id.to_string(), broken);

        let deleted = results(gateway, "delete", &ids).await;
        let expected = [
            (broken.as_str(), "done", None),
            (over.as_str(), "done", None),
            (unknown.as_str(), "not_found", Some("job_not_found")),
        ];
        assert_eq!(outcomes(&deleted), expected);
        assert_eq!(gateway.stored_files(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_filter_means_what_its_list_shows() {
    on_each_engine(async |gateway| {
        let tagged = gateway.submit_form(recording().text("tags", "old")).await;
        let kept = gateway.submit().await;
        let deleted = results(gateway, "delete", &json!({ "filter": { "tag": ["old"], "state": ["queued"] } })).await;
        assert_eq!(outcomes(&deleted), [(tagged.job_id.to_string().as_str(), "done", None)]);
        let again = results(gateway, "delete", &json!({ "filter": { "tag": ["old"] } })).await;
        assert_eq!((&again["results"], &again["done"]), (&json!([]), &json!(0)));
        assert_eq!(gateway.job(kept.job_id).await["state"], "queued");
    })
    .await;
}

#[tokio::test]
async fn it_must_be_said_which_jobs_and_not_too_many() {
    on_each_engine(async |gateway| {
        let job = gateway.submit().await.job_id;
        let many: Vec<_> = (0..1_001).map(|_| JobId::new().to_string()).collect();
        for what in ["delete", "retry", "export"] {
            for (body, code) in [
                (json!({}), "selection_invalid"),
                (json!({ "ids": [job.to_string()], "filter": { "state": ["queued"] } }), "selection_invalid"),
                (json!({ "filter": {} }), "filter_empty"),
                (json!({ "filter": { "q": "" } }), "filter_empty"),
                (json!({ "ids": many }), "too_many_jobs"),
            ] {
                problem(post(gateway, what, &body).await, 422, code).await;
            }
            let unknown_state = json!({ "filter": { "state": ["done"] } });
            problem(post(gateway, what, &unknown_state).await, 422, "parameter_invalid").await;
            for body in [
                json!({ "ids": ["latest"] }),
                json!({ "filter": { "colour": "blue" } }),
                json!({ "filter": { "language": 7 } }),
                json!({ "filter": { "state": ["queued"] }, "force": true }),
            ] {
                problem(post(gateway, what, &body).await, 422, "body_invalid").await;
            }
        }
        for formats in [json!([]), json!(["doc"])] {
            let body = json!({ "ids": [job.to_string()], "formats": formats });
            problem(post(gateway, "export", &body).await, 422, "body_invalid").await;
        }
        assert_eq!(gateway.job(job).await["state"], "queued");
    })
    .await;
}

/// The export service, as far as a gateway can tell: the text of each segment on a line.
struct PlayedExports(Database);

#[tonic::async_trait]
impl Exports for PlayedExports {
    type RenderStream = BoxStream<'static, Result<RenderedPart, Status>>;

    async fn render(&self, request: Request<RenderRequest>) -> Result<tonic::Response<Self::RenderStream>, Status> {
        let request = request.into_inner();
        let (workspace, job) = (request.workspace_id.parse().unwrap(), request.job_id.parse().unwrap());
        let head = transcripts::find(&self.0, workspace, job).await.unwrap().ok_or(Status::not_found("no job"))?;
        let stem = head.file_name.trim_end_matches(".mp3").to_owned();
        let extension = if request.format() == Format::Srt { "srt" } else { "txt" };
        let head = RenderedHead { content_type: "text/plain".to_owned(), file_name: format!("{stem}.{extension}") };
        let segments: Vec<_> = transcripts::segments(&self.0, job).try_collect().await.unwrap();
        let texts = segments.into_iter().map(move |segment| RenderedPart {
            head: None,
            data: format!("{extension}: {}\n", segment.text).into_bytes(),
        });
        let parts = std::iter::once(RenderedPart { head: Some(head), data: Vec::new() }).chain(texts);
        Ok(tonic::Response::new(futures_util::stream::iter(parts.map(Ok).collect::<Vec<_>>()).boxed()))
    }
}

fn play_exports(gateway: &Gateway) -> tokio::task::JoinHandle<Result<(), tonic::transport::Error>> {
    let address = ([127, 0, 0, 1], gateway.export_port()).into();
    let service = ExportsServer::new(PlayedExports(gateway.db.clone()));
    tokio::spawn(tonic::transport::Server::builder().add_service(service).serve(address))
}

fn unpack(bytes: Vec<u8>) -> BTreeMap<String, String> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut files = BTreeMap::new();
    for nth in 0..archive.len() {
        let mut file = archive.by_index(nth).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert!(files.insert(file.name().unwrap().into_owned(), text).is_none(), "each name stands once");
    }
    files
}

#[tokio::test]
async fn many_transcripts_come_as_one_zip_file_with_an_index() {
    on_each_engine(async |gateway| {
        let first = gateway.submit_form(recording().text("title", "First")).await;
        complete(gateway, &first, "año uno").await;
        let second = gateway.submit().await;
        let long = "much to say ".repeat(40_000);
        complete(gateway, &second, &long).await;
        let waiting = gateway.submit().await;
        let unknown = JobId::new();
        let ids = [first.job_id, second.job_id, waiting.job_id, unknown].map(|id| id.to_string());
        let body = json!({ "ids": ids, "formats": ["srt", "txt", "srt"] });
        problem(post(gateway, "export", &body).await, 503, "unavailable").await;

        let exports = play_exports(gateway);
        let response = escriba_test_support::eventually("the export service is there", async || {
            let response = post(gateway, "export", &body).await;
            (response.status() == 200).then_some(response)
        })
        .await;
        assert_eq!(response.headers()["content-type"], "application/zip");
        assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"transcripts.zip\"");
        let files = unpack(response.bytes().await.unwrap().to_vec());
        let names: Vec<_> = files.keys().map(String::as_str).collect();
        let expected = ["index.json", "interview (2).srt", "interview (2).txt", "interview.srt", "interview.txt"];
        assert_eq!(names, expected);
        assert_eq!(files["interview.srt"], "srt: año uno\n");
        assert_eq!(files["interview (2).txt"], format!("txt: {long}\n"));
        let index: Value = serde_json::from_str(&files["index.json"]).unwrap();
        assert_eq!(index[0]["files"], json!(["interview.srt", "interview.txt"]));
        assert_eq!((&index[0]["title"], &index[0]["state"]), (&json!("First"), &json!("completed")));
        assert_eq!(index[1]["files"], json!(["interview (2).srt", "interview (2).txt"]));
        assert_eq!((&index[2]["files"], &index[2]["state"]), (&json!([]), &json!("queued")));
        assert_eq!(index[2]["missing"], "The job is queued, and nothing is transcribed.");
        assert_eq!((&index[3]["id"], &index[3]["missing"]), (&json!(unknown), &json!("There is no such job.")));

        let nothing = json!({ "filter": { "state": ["failed"] } });
        let files = unpack(post(gateway, "export", &nothing).await.bytes().await.unwrap().to_vec());
        assert_eq!(files, BTreeMap::from([("index.json".to_owned(), "[]".to_owned())]));
        exports.abort();
    })
    .await;
}
