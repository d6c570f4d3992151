//! A queue of very many: what it takes to look at it, and to be given the next chunk, which workers that ask at the same
//! time are one after the other.

use std::time::{Duration, Instant};

use escriba_domain::{ChunkId, JobId, Lane};
use escriba_events::lane_to_proto;
use escriba_proto::v1::{
    Claim, Report as WorkerReport, directive, report::Body, transcription_reports_client::TranscriptionReportsClient,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use crate::{
    fill,
    load::{Until, ask},
    postgres::Durability,
    report::{Report, number, percentile},
    stand::Stand,
    usage::memory_mb,
};

type Reports = TranscriptionReportsClient<Channel>;

const LOOKS: usize = 200;
const CLAIMS: usize = 300;
const CLAIMERS: usize = 8;
/// What a long queue is compared with.
const SHORT: u64 = 1_000;

pub(crate) async fn measure(queued: u64, seconds: u64) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for length in [SHORT, queued] {
        let stand = Stand::start(Durability::Memory).await?;
        let first = stand.client.submit(&stand.short_recording(1), &[]).await;
        fill::queue(&stand, &first, length - 1).await?;
        let looks = look(&stand, "/v1/queue").await;
        report.add(format!("{length} waiting: GET /v1/queue, median"), percentile(&looks, 50), "ms");
        report.add(format!("{length} waiting: GET /v1/queue, 99th percentile"), percentile(&looks, 99), "ms");
        let looks = look(&stand, &format!("/v1/jobs/{first}")).await;
        report.add(format!("{length} waiting: GET of the last job, median"), percentile(&looks, 50), "ms");

        let client = TranscriptionReportsClient::connect(format!("http://{}", stand.reports)).await?;
        let claims = ask(1, Until::Each(CLAIMS), async || claim(client.clone()).await).await;
        report.add(format!("{length} waiting: a claim, median"), percentile(&claims, 50), "ms");
        report.add(format!("{length} waiting: a claim, 99th percentile"), percentile(&claims, 99), "ms");
        if length > SHORT {
            let begun = Instant::now();
            let until = Until::Over(Duration::from_secs(seconds));
            let claims = ask(CLAIMERS, until, async || claim(client.clone()).await).await;
            let rate = number(claims.len() as u64) / begun.elapsed().as_secs_f64();
            report.add(format!("{length} waiting: claims of {CLAIMERS} workers at once"), rate, "claims/s");
            report.add(format!("{length} waiting: gateway's memory"), memory_mb(stand.gateway.pid()), "MB");
        }
    }
    Ok(report)
}

async fn look(stand: &Stand, path: &str) -> Vec<Duration> {
    ask(1, Until::Each(LOOKS), async || {
        let (status, _) = stand.client.get(path).await;
        assert!(status.is_success());
    })
    .await
}

/// From a claim to its `Proceed`. The claimed chunk goes back to the queue by itself, when its lease has run out.
async fn claim(mut client: Reports) {
    let claim = Claim {
        // The bell was for another one, as it may be.
        job_id: JobId::new().to_string(),
        chunk_id: ChunkId::new().to_string(),
        worker_id: "bench".to_owned(),
        version: String::new(),
        lane: lane_to_proto(Lane::Interactive).into(),
        model: "base".to_owned(),
    };
    let (sender, reports) = mpsc::channel(1);
    sender.send(WorkerReport { lease: 0, body: Some(Body::Claim(claim)) }).await.expect("the channel has room");
    let answer = client.report(ReceiverStream::new(reports)).await.expect("the gateway answers");
    let directive = answer.into_inner().message().await.expect("the gateway answers");
    let answer = directive.and_then(|directive| directive.body);
    assert!(matches!(answer, Some(directive::Body::Proceed(_))), "a claim was answered {answer:?}");
}
