//! From names to addresses.

use std::{fmt::Debug, io, net::SocketAddr};

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Finds the addresses of a name. Tests play one whose answers change.
pub(super) trait Lookup: Debug + Send + Sync {
    fn lookup(&self, name: String, port: u16) -> BoxFuture<'_, io::Result<Vec<SocketAddr>>>;
}

/// As the system does it.
#[derive(Debug)]
pub(super) struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String, port: u16) -> BoxFuture<'_, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, port)).await?.collect()) })
    }
}

/// The addresses that were checked, whatever is asked: nothing is looked up a second time.
pub(super) struct Pinned(pub(super) Vec<SocketAddr>);

impl Resolve for Pinned {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}
