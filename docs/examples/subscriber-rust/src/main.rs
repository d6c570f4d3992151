//! Follows job events and writes one line of JSON for each to a file. See README.md, and docs/events.md for the contract.

mod event;
mod output;
mod subscription;

use std::{future::Future, path::PathBuf, time::Duration};

use anyhow::Context;
use async_nats::{Client, ConnectOptions, ServerAddr};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{output::Output, subscription::Subscription};

/// Follows Escriba's job events and writes each to a file, once and in order, as a line of JSON.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where NATS is: `nats://user:password@host` if it asks for them.
    #[arg(long, env = "NATS_URL", default_value = "nats://127.0.0.1:4222")]
    nats: String,
    /// The name of the durable consumer: where this subscriber has got to is kept under it.
    #[arg(long, default_value = "example-rust")]
    durable: String,
    /// Which events: `events.job.*.WORKSPACE.*` for those of one workspace.
    #[arg(long, default_value = "events.job.>")]
    filter: String,
    /// The file that lines are added to. What stands in it is not written again.
    #[arg(long)]
    output: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let arguments = Arguments::parse();
    let stop = told_to_stop()?;
    let mut output = Output::open(&arguments.output)?;
    let client = connect(&arguments).await?;
    let subscription = Subscription { durable: arguments.durable, filter: arguments.filter };
    subscription.follow(&client, &mut output, stop).await?;
    // Acknowledgements still buffered. Those that do not get out bring their events back, which are then known.
    if tokio::time::timeout(Duration::from_secs(2), client.flush()).await.is_err() {
        tracing::warn!("NATS is away; the last acknowledgement may be lost");
    }
    Ok(())
}

/// A connection that is tried, and tried again, for as long as it takes.
async fn connect(arguments: &Arguments) -> anyhow::Result<Client> {
    let address: ServerAddr = arguments.nats.parse().context("--nats is no address of NATS")?;
    let mut options = ConnectOptions::new();
    // async-nats 0.51 reads a user from an address, and then does not tell the server.
    if let (Some(user), Some(password)) = (address.username(), address.password()) {
        options = options.user_and_password(user.to_owned(), password.to_owned());
    }
    let options = options.name(&arguments.durable).ping_interval(Duration::from_secs(10)).retry_on_initial_connect();
    Ok(options.connect(address).await?)
}

/// Ready when somebody asks for an end. Listens from the moment it is made.
fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
