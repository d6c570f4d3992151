//! The internal port: is the process alive, can it do its work, and what has it counted. For orchestrators and
//! scrapers inside the house; it must never be reachable from the internet, and it shows nothing of any tenant.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use futures_util::future::{BoxFuture, join_all};
use poem::{
    EndpointExt, IntoResponse, Response, Route, Server, get, handler,
    http::StatusCode,
    listener::TcpAcceptor,
    web::{Data, Json},
};
use tokio::{net::TcpListener, time};
use tokio_util::sync::CancellationToken;

use crate::metrics_recorder;

/// A dependency that takes longer than this to answer is as good as away.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How often samples nobody scraped are folded into their buckets.
const COMPACT_EVERY: Duration = Duration::from_secs(5);
/// How long a scrape in progress may hold up the end of the process.
const DRAIN: Duration = Duration::from_secs(2);
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

type Check = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What has to work for a service to be ready, by name.
#[derive(Default)]
pub struct Health {
    checks: Vec<(&'static str, Check)>,
}

impl Health {
    /// A service that is ready as soon as it runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition. `check` runs at each `/readyz`, side by side with the others, under a limit of two seconds;
    /// its error is shown as the reason and so must hold no secret.
    #[must_use]
    pub fn with<C, F>(mut self, name: &'static str, check: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push((name, Box::new(move || Box::pin(check()))));
        self
    }

    /// Each condition's name and, where it does not hold, why.
    async fn run(&self) -> Vec<(&'static str, Result<(), String>)> {
        let running = self.checks.iter().map(|(name, check)| async move {
            let outcome = time::timeout(CHECK_TIMEOUT, check()).await;
            (*name, outcome.unwrap_or_else(|_| Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs()))))
        });
        join_all(running).await
    }
}

/// Serves `/livez`, `/readyz` and `/metrics` on `addr` until `shutdown` is cancelled. Each service has a setting of
/// its own for the address, whose name ends in `INTERNAL_ADDR`.
pub async fn serve(addr: SocketAddr, health: Health, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = TcpListener::bind(addr)
        .await
        .with_context(|| format!("cannot listen on {addr}, the internal address (setting …INTERNAL_ADDR)"))?;
    tracing::info!(%addr, "serving health and metrics");
    let acceptor = TcpAcceptor::from_tokio(listener)?;
    let server = Server::new_with_acceptor(acceptor).run_with_graceful_shutdown(
        routes(health),
        shutdown.clone().cancelled_owned(),
        Some(DRAIN),
    );
    tokio::select! {
        ended = server => ended.context("the internal port failed"),
        () = compact_for_ever() => Ok(()),
    }
}

async fn compact_for_ever() {
    let mut ticks = time::interval(COMPACT_EVERY);
    loop {
        ticks.tick().await;
        metrics_recorder::compact();
    }
}

fn routes(health: Health) -> impl poem::Endpoint {
    Route::new().at("/livez", get(livez)).at("/readyz", get(readyz)).at("/metrics", get(metrics)).data(Arc::new(health))
}

#[handler]
fn livez() -> &'static str {
    "ok"
}

#[handler]
async fn readyz(Data(health): Data<&Arc<Health>>) -> Response {
    let outcomes = health.run().await;
    let ready = outcomes.iter().all(|(_, outcome)| outcome.is_ok());
    let checks: BTreeMap<_, _> =
        outcomes.into_iter().map(|(name, outcome)| (name, outcome.err().unwrap_or_else(|| "ok".to_owned()))).collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if ready { "ready" } else { "unready" };
    Json(serde_json::json!({ "status": word, "checks": checks })).with_status(status).into_response()
}

#[handler]
fn metrics() -> Response {
    metrics_recorder::render().with_content_type(PROMETHEUS_TEXT).into_response()
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use poem::test::TestClient;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_live_process_says_ok() {
        let client = TestClient::new(routes(Health::new()));
        let response = client.get("/livez").send().await;
        response.assert_status_is_ok();
        response.assert_text("ok").await;
    }

    #[tokio::test]
    async fn ready_when_every_check_holds() {
        let health = Health::new().with("database", || async { Ok(()) }).with("nats", || async { Ok(()) });
        let response = TestClient::new(routes(health)).get("/readyz").send().await;
        response.assert_status_is_ok();
        response.assert_json(json!({ "status": "ready", "checks": { "database": "ok", "nats": "ok" } })).await;
    }

    #[tokio::test]
    async fn one_failed_check_makes_it_unready_and_gives_the_reason() {
        let health = Health::new()
            .with("database", || async { Ok(()) })
            .with("nats", || async { Err("not connected".to_owned()) });
        let response = TestClient::new(routes(health)).get("/readyz").send().await;
        response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
        let expected = json!({ "status": "unready", "checks": { "database": "ok", "nats": "not connected" } });
        response.assert_json(expected).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_is_given_up() {
        let health = Health::new().with("storage", pending);
        let response = TestClient::new(routes(health)).get("/readyz").send().await;
        response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
        let expected = json!({ "status": "unready", "checks": { "storage": "no answer within 2 s" } });
        response.assert_json(expected).await;
    }

    #[tokio::test]
    async fn an_address_in_use_is_named_with_its_setting() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = taken.local_addr().unwrap();
        let error = serve(addr, Health::new(), CancellationToken::new()).await.unwrap_err();
        assert!(error.to_string().contains(&addr.to_string()));
        assert!(error.to_string().contains("INTERNAL_ADDR"));
    }

    #[tokio::test]
    async fn it_stops_when_told_to() {
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        serve("127.0.0.1:0".parse().unwrap(), Health::new(), shutdown).await.unwrap();
    }
}
