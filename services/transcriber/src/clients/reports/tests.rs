//! Reports against gateways that are played here: what reaches which of them when one breaks off, falls silent or does
//! not answer at all.

use std::{
    net::{Ipv4Addr, TcpListener},
    ops::ControlFlow,
    sync::{Arc, Mutex},
};

use escriba_proto::v1::{
    Committed, Directive, Refused, Segments,
    transcription_reports_server::{TranscriptionReports, TranscriptionReportsServer},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Streaming, transport::Server};

use super::*;

const LEASE: u64 = 7;

/// What becomes of reports at a played gateway, after the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Commits,
    /// So many are committed, and then the stream ends.
    BreaksAfter(usize),
    /// Takes everything and says nothing.
    FallsSilent,
    /// Resumed claims are refused.
    Supersedes,
}

#[derive(Debug, Clone)]
struct PlayedGateway {
    mood: Mood,
    heard: Arc<Mutex<Vec<Report>>>,
}

impl PlayedGateway {
    async fn start(mood: Mood) -> (String, Self) {
        let gateway = Self { mood, heard: Arc::default() };
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = TranscriptionReportsServer::new(gateway.clone());
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
        (url, gateway)
    }

    /// Where each of the segments that were reported here ends.
    fn through(&self) -> Vec<u64> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter_map(|report| through(report.body.as_ref()?)).collect()
    }

    fn leases(&self) -> Vec<u64> {
        self.heard.lock().unwrap().iter().map(|report| report.lease).collect()
    }

    /// `Break` ends the stream.
    fn answer(&self, report: &Report, committed: usize) -> ControlFlow<(), Option<directive::Body>> {
        let answer = match &report.body {
            Some(report::Body::Claim(_)) if self.mood == Mood::Supersedes && report.lease != 0 => {
                directive::Body::Refused(Refused { reason: Reason::Held.into() })
            }
            Some(report::Body::Claim(_)) => {
                // The one that goes on knows of the first window.
                let resume_ms = if report.lease == 0 { 0 } else { 1_000 };
                directive::Body::Proceed(Proceed { lease: LEASE, resume_ms, ..Proceed::default() })
            }
            Some(report::Body::Progress(_)) => return ControlFlow::Continue(None),
            _ => match self.mood {
                Mood::BreaksAfter(count) if committed >= count => return ControlFlow::Break(()),
                Mood::FallsSilent => return ControlFlow::Continue(None),
                _ => directive::Body::Committed(Committed {}),
            },
        };
        ControlFlow::Continue(Some(answer))
    }
}

#[tonic::async_trait]
impl TranscriptionReports for PlayedGateway {
    type ReportStream = ReceiverStream<Result<Directive, Status>>;

    async fn report(&self, request: Request<Streaming<Report>>) -> Result<Response<Self::ReportStream>, Status> {
        let (directives, receiver) = mpsc::channel(8);
        let (gateway, mut reports) = (self.clone(), request.into_inner());
        tokio::spawn(async move {
            let mut committed = 0;
            while let Ok(Some(report)) = reports.message().await {
                let ControlFlow::Continue(answer) = gateway.answer(&report, committed) else { break };
                committed += usize::from(matches!(answer, Some(directive::Body::Committed(_))));
                gateway.heard.lock().unwrap().push(report);
                if answer.is_some() {
                    directives.send(Ok(Directive { body: answer })).await.ok();
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

fn segments(through_ms: u64) -> report::Body {
    report::Body::Segments(Segments { through_ms, ..Segments::default() })
}

fn through(body: &report::Body) -> Option<u64> {
    if let report::Body::Segments(segments) = body { Some(segments.through_ms) } else { None }
}

/// A claim at the first of these gateways, whichever turn it is.
async fn claim_at_first(urls: &[&String]) -> Attempt {
    let reports = Reports::connect_lazily(&[urls[0].clone()]).unwrap();
    let Ok(Claimed::Granted(granted)) = reports.claim(Claim::default()).await else { panic!("it is granted") };
    let urls: Vec<_> = urls.iter().map(|url| (*url).clone()).collect();
    Attempt { gateways: Gateways::connect_lazily(&urls).unwrap(), ..granted.0 }
}

async fn commit_all(attempt: &mut Attempt) {
    while attempt.uncommitted() > 0 {
        assert_eq!(attempt.next_word().await.unwrap(), Word::Committed);
    }
}

#[tokio::test]
async fn what_one_gateway_did_not_commit_reaches_another_once() {
    let (first_url, first) = PlayedGateway::start(Mood::BreaksAfter(1)).await;
    let (second_url, second) = PlayedGateway::start(Mood::Commits).await;
    let mut attempt = claim_at_first(&[&first_url, &second_url]).await;
    for through_ms in [1_000, 2_000, 3_000] {
        attempt.commit(segments(through_ms));
    }
    commit_all(&mut attempt).await;
    attempt.commit(segments(4_000));
    commit_all(&mut attempt).await;
    assert_eq!(first.through(), [1_000]);
    assert_eq!(second.through(), [2_000, 3_000, 4_000]);
    assert!(second.leases().iter().all(|lease| *lease == LEASE), "it goes on under its lease");
}

#[tokio::test]
async fn a_gateway_that_falls_silent_is_given_up() {
    let (first_url, first) = PlayedGateway::start(Mood::FallsSilent).await;
    let (second_url, second) = PlayedGateway::start(Mood::Commits).await;
    let mut attempt = claim_at_first(&[&first_url, &second_url]).await;
    attempt.hurry();
    for nth in 1..=100 {
        attempt.commit(segments(nth * 2_000));
        attempt.tell(report::Body::Progress(escriba_proto::v1::Progress::default()));
    }
    commit_all(&mut attempt).await;
    assert!(!first.through().is_empty());
    assert!(second.through().into_iter().eq((1..=100).map(|nth| nth * 2_000)));
}

#[tokio::test]
async fn a_gateway_that_takes_connections_and_answers_nothing_is_passed_over() {
    // Nobody accepts here, but the kernel does.
    let frozen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let frozen_url = format!("http://{}", frozen.local_addr().unwrap());
    let (url, gateway) = PlayedGateway::start(Mood::Commits).await;
    let reports = Reports::connect_lazily(&[frozen_url, format!(" {url}")]).unwrap();
    // One of these claims begins with the frozen gateway.
    for _ in 0..2 {
        assert!(matches!(reports.claim(Claim::default()).await, Ok(Claimed::Granted(_))));
    }
    assert_eq!(gateway.leases(), [0, 0]);
}

#[tokio::test]
async fn a_worker_that_comes_back_too_late_is_told_so() {
    let (first_url, _first) = PlayedGateway::start(Mood::BreaksAfter(0)).await;
    let (second_url, second) = PlayedGateway::start(Mood::Supersedes).await;
    let mut attempt = claim_at_first(&[&first_url, &second_url]).await;
    attempt.gateways = Gateways::connect_lazily(&[second_url]).unwrap();
    attempt.commit(segments(1_000));
    assert_eq!(attempt.next_word().await.unwrap(), Word::Superseded);
    assert_eq!(second.through(), [] as [u64; 0]);
}
