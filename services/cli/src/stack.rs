//! The local stack: nats-server, gateway, export and transcriber as children of this process, started in the order
//! in which they need each other and ended in the order in which they hand back their work. The only module that
//! starts processes for good; what they are told is in `services`.

pub(crate) mod log;
pub(crate) mod nats_server;
pub(crate) mod ports;
mod process;
pub(crate) mod programs;
pub(crate) mod readiness;
pub(crate) mod services;
mod supervise;

use std::sync::Arc;

use anyhow::anyhow;
use indicatif::ProgressBar;
use tokio_util::sync::CancellationToken;

use log::StackLog;
use readiness::Awaited;
use services::{Service, Services};
use supervise::Supervised;

/// The transcriber first, so that it can hand back its work to a gateway that still listens.
const STOP_ORDER: [&str; 4] = ["transcriber", "gateway", "export", "nats-server"];

/// The services started so far.
#[derive(Debug)]
pub(crate) struct Stack {
    log: Arc<StackLog>,
    http: reqwest::Client,
    kill: CancellationToken,
    running: Vec<Supervised>,
}

impl Stack {
    /// Nothing runs yet. `http` must not go through a proxy. `kill` makes [`Stack::stop`] end everything at once.
    pub(crate) fn new(log: Arc<StackLog>, http: reqwest::Client, kill: CancellationToken) -> Self {
        Self { log, http, kill, running: Vec::new() }
    }

    /// Starts all services and returns when all are ready. Whatever comes of it, [`Stack::stop`] has to be called.
    pub(crate) async fn start(&mut self, services: Services, progress: &ProgressBar) -> anyhow::Result<()> {
        progress.set_message("Starting nats-server");
        let nats_server = self.supervise(services.nats_server);
        self.wait_for(nats_server).await?;
        progress.set_message("Starting the gateway");
        let gateway = self.supervise(services.gateway);
        self.wait_for(gateway).await?;
        progress.set_message("Starting export and transcriber");
        // Neither needs the other, and the transcriber takes a while to load its model.
        let export = self.supervise(services.export);
        let transcriber = self.supervise(services.transcriber);
        self.wait_for(export).await?;
        self.wait_for(transcriber).await
    }

    /// Ends what was started, one after another.
    pub(crate) async fn stop(mut self) {
        self.running.sort_by_key(|service| STOP_ORDER.iter().position(|name| *name == service.name()));
        for service in self.running {
            service.stop().await;
        }
    }

    /// The service is ours to stop from here on, even when the start is given up half-way.
    fn supervise(&mut self, service: Service) -> Awaited {
        let ready = service.ready;
        let supervised = Supervised::start(service, Arc::clone(&self.log), self.kill.clone());
        let awaited = Awaited { name: supervised.name(), ready, falls: supervised.falls() };
        self.running.push(supervised);
        awaited
    }

    async fn wait_for(&self, service: Awaited) -> anyhow::Result<()> {
        readiness::wait(service, &self.http).await.map_err(|reason| self.explain(&reason))
    }

    fn explain(&self, reason: &readiness::NotReady) -> anyhow::Error {
        let lines = self.log.recent(reason.service());
        if lines.is_empty() {
            return anyhow!("{reason}, without a word.");
        }
        anyhow!("{reason}. Its last lines were:\n  {}", lines.join("\n  "))
    }
}
