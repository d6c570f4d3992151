//! The composition root: everything the gateway consists of is made and started here, and nowhere else.

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::Context;
use escriba_blobs::BlobStore;
use escriba_database::{Database, DatabaseError};
use escriba_domain::ErrorKind;
use escriba_messaging::{Messaging, MessagingError, Workers, run_relay};
use escriba_runtime::health::{self, Health};
use poem::{Server, listener::TcpListener};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    api,
    app::{
        App, bootstrap_workspace, housekeeping, index_text,
        key_use::{self, KeyUse},
        look_at_queue::Depths,
        rate_limits::RateLimits,
        upkeep,
    },
    clients::{exports::Exports, remote::Remote},
    config::Config,
    grpc,
};

/// A silent connection is closed after this; storing a very large upload may keep one silent for minutes.
const IDLE: Duration = Duration::from_mins(5);
/// How long requests in flight may take once shutdown has begun.
const DRAIN: Duration = Duration::from_secs(10);
/// How long the start waits for what is not there yet.
const PATIENCE: Duration = Duration::from_secs(30);
const KNOCK_AGAIN: Duration = Duration::from_secs(1);
/// How long the relay may take for what was committed last.
const LAST_MESSAGES: Duration = Duration::from_secs(5);

/// Runs until shutdown. Order matters: intake stops first, the relay last.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let db = once_there("the database", DatabaseError::kind, || connect_database(config.database_url.clone())).await?;
    let streams = (config.nats_url.clone(), config.nats_replicas);
    let messaging = once_there("NATS", MessagingError::kind, || connect_messaging(streams.clone())).await?;
    let blobs = BlobStore::open(&config.storage_url)?;
    let exports = Exports::connect_lazily(&config.export_url)?;
    if let Some(file) = &config.bootstrap_key_file {
        bootstrap_workspace::run(&db, file).await?;
    }

    let workers = Workers::default();
    let mut models = vec![config.model.clone()];
    models.extend(config.more_models);
    let app = Arc::new(App {
        db: db.clone(),
        messaging: messaging.clone(),
        blobs: blobs.clone(),
        exports,
        remote: Remote::new(config.import_allow),
        workers: workers.clone(),
        depths: Depths::default(),
        key_use: KeyUse::default(),
        rate_limits: RateLimits::new(config.requests_per_minute),
        models,
        max_upload_bytes: config.max_upload_bytes,
    });

    let relay_shutdown = CancellationToken::new();
    let relay = tokio::spawn(run_relay(db.clone(), messaging.clone(), relay_shutdown.clone()));

    let health = Health::new()
        .with("database", {
            let db = db.clone();
            move || plain(db.clone(), |db| async move { db.ping().await })
        })
        .with("nats", {
            let messaging = messaging.clone();
            move || plain(messaging.clone(), |messaging| async move { messaging.ping_jetstream().await })
        })
        .with("storage", move || plain(blobs.clone(), |blobs| async move { blobs.ping().await }));

    let mut intake = JoinSet::new();
    intake.spawn(health::serve(config.internal_addr, health, shutdown.clone()));
    intake.spawn(grpc::serve(config.grpc_addr, app.clone(), shutdown.clone()));
    intake.spawn(serve_http(config.http_addr, app.clone(), shutdown.clone()));
    intake.spawn({
        let shutdown = shutdown.clone();
        async move { Ok(messaging.watch_workers(workers, shutdown).await?) }
    });
    intake.spawn({
        let (app, shutdown) = (app.clone(), shutdown.clone());
        async move {
            upkeep::run_until(&app, shutdown).await;
            Ok(())
        }
    });
    intake.spawn({
        let (db, shutdown) = (app.db.clone(), shutdown.clone());
        async move {
            index_text::run_until(&db, shutdown).await;
            Ok(())
        }
    });
    intake.spawn({
        let (app, shutdown) = (app.clone(), shutdown.clone());
        async move {
            key_use::run_until(&app, shutdown).await;
            Ok(())
        }
    });
    intake.spawn({
        let shutdown = shutdown.clone();
        async move {
            housekeeping::run_until(&app, config.orphan_age, shutdown).await;
            Ok(())
        }
    });

    let ended = first_failure(&mut intake, &shutdown).await;
    relay_shutdown.cancel();
    // What cannot be published now waits in the outbox for the next start.
    if let Ok(relayed) = timeout(LAST_MESSAGES, relay).await {
        relayed.context("the relay died")?;
    } else {
        tracing::warn!("NATS did not take the last messages; they wait in the outbox");
    }
    ended
}

/// What the gateway needs may start beside it, or be away for a moment. After a while it gives up and says why.
async fn once_there<T, E: std::fmt::Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    kind: impl Fn(&E) -> ErrorKind,
    connect: impl Fn() -> F,
) -> Result<T, E> {
    let given_up = Instant::now() + PATIENCE;
    loop {
        match connect().await {
            Err(error) if kind(&error) == ErrorKind::Unavailable && Instant::now() < given_up => {
                tracing::warn!(%error, "{what} is not there yet");
                sleep(KNOCK_AGAIN).await;
            }
            ended => return ended,
        }
    }
}

async fn connect_database(url: String) -> Result<Database, DatabaseError> {
    let db = Database::connect(&url).await?;
    db.migrate().await?;
    Ok(db)
}

async fn connect_messaging((url, replicas): (String, usize)) -> Result<Messaging, MessagingError> {
    let messaging = Messaging::connect(&url, "escriba-gateway").await?;
    messaging.declare_streams(replicas).await?;
    Ok(messaging)
}

/// Waits for all parts; one that fails takes the others down.
async fn first_failure(parts: &mut JoinSet<anyhow::Result<()>>, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let mut result = Ok(());
    while let Some(ended) = parts.join_next().await {
        let ended = ended.context("a part of the gateway died").and_then(|ended| ended);
        if result.is_ok() {
            result = ended;
        }
        shutdown.cancel();
    }
    result
}

async fn serve_http(addr: std::net::SocketAddr, app: Arc<App>, shutdown: CancellationToken) -> anyhow::Result<()> {
    tracing::info!(%addr, "taking requests");
    let routes = api::routes(app, shutdown.clone());
    Server::new(TcpListener::bind(addr))
        .name("gateway")
        .idle_timeout(IDLE)
        .run_with_graceful_shutdown(routes, shutdown.cancelled_owned(), Some(DRAIN))
        .await
        .with_context(|| format!("HTTP cannot be served on {addr} (GATEWAY_HTTP_ADDR)"))
}

fn plain<T, F, E>(value: T, check: impl FnOnce(T) -> F) -> futures_util::future::BoxFuture<'static, Result<(), String>>
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: std::fmt::Display,
{
    let checked = check(value);
    Box::pin(async move { checked.await.map_err(|error| error.to_string()) })
}
