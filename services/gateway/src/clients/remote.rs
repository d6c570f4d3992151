//! Files on other people's servers, fetched because a caller says so. The caller is not trusted to say where: a name
//! is resolved here, its addresses are checked, and the connection goes to a checked address, at each redirect anew.
//! Nothing of ours goes along: no credentials, no cookies, and no proxy that would resolve the name again.

mod addresses;
mod lookup;
mod naming;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use ipnet::IpNet;
use reqwest::{
    Client, Response, Url,
    header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION},
    redirect::Policy,
};
use tokio::time::timeout;
use url::Host;

use addresses::is_public;
use lookup::{Lookup, Pinned, SystemLookup};

const CONNECT: Duration = Duration::from_secs(10);
/// The longest silence, before the answer and in it.
const SILENCE: Duration = Duration::from_secs(30);
/// A server that sends a byte now and then is given up after this.
const LONGEST: Duration = Duration::from_hours(6);
const MAX_REDIRECTS: usize = 5;
const USER_AGENT: &str = concat!("escriba/", env!("CARGO_PKG_VERSION"));

#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("`media_url` is not an address: {0}. Send one such as `https://example.org/talk.mp3`.")]
    NoUrl(url::ParseError),
    #[error("A recording is fetched over http or https only, and this would be `{0}`.")]
    Scheme(String),
    #[error("`media_url` has a user name or a password in it. Take them out; Escriba hands on no credentials.")]
    Credentials,
    #[error("`{host}` is in a private or reserved network, from which nothing is fetched. The operator can allow it.")]
    Private { host: String },
    #[error("`{host}` cannot be found: {why}.")]
    NotFound { host: String, why: String },
    #[error("`{host}` did not answer: {why}.")]
    Silent { host: String, why: String },
    #[error("`{host}` answered with {status}.")]
    Refused { host: String, status: String },
    #[error("`media_url` is redirected more than {MAX_REDIRECTS} times, or to nowhere.")]
    Redirects,
}

/// What a file consists of, as far as it has come.
pub(crate) type RemoteBytes = BoxStream<'static, Result<Bytes, reqwest::Error>>;

/// A file that is about to be fetched.
pub(crate) struct RemoteFile {
    pub(crate) name: Option<String>,
    pub(crate) content_type: Option<String>,
    /// As far as the server says it.
    pub(crate) length: Option<u64>,
    pub(crate) bytes: RemoteBytes,
}

/// Other people's servers.
#[derive(Debug)]
pub(crate) struct Remote {
    /// Networks that are not public and may be fetched from all the same.
    allowed: Vec<IpNet>,
    names: Arc<dyn Lookup>,
}

impl Remote {
    pub(crate) fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed, names: Arc::new(SystemLookup) }
    }

    /// Asks for the file. Its head is there at once; its bytes stream.
    pub(crate) async fn open(&self, url: &str) -> Result<RemoteFile, RemoteError> {
        let mut url = Url::parse(url).map_err(RemoteError::NoUrl)?;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.get(&url).await?;
            if !response.status().is_redirection() {
                return file(&url, response);
            }
            let next = header(&response, &LOCATION).and_then(|location| url.join(&location).ok());
            url = next.ok_or(RemoteError::Redirects)?;
        }
        Err(RemoteError::Redirects)
    }

    /// One request, to a checked address and no other.
    async fn get(&self, url: &Url) -> Result<Response, RemoteError> {
        let addresses = self.check(url).await?;
        let silent = |error: reqwest::Error| RemoteError::Silent { host: host(url), why: plain(&error) };
        // A client of its own for each request: what it connects to is settled before it is made.
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .dns_resolver(Pinned(addresses))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .timeout(LONGEST)
            .user_agent(USER_AGENT)
            .build()
            .map_err(silent)?;
        client.get(url.clone()).header(ACCEPT, "audio/*, video/*, */*;q=0.5").send().await.map_err(silent)
    }

    /// The addresses that may be connected to for this URL.
    async fn check(&self, url: &Url) -> Result<Vec<SocketAddr>, RemoteError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(RemoteError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RemoteError::Credentials);
        }
        let port = url.port_or_known_default().unwrap_or_default();
        // The parser has read every spelling of an address by now: decimal, octal, hexadecimal, shortened.
        let addresses: Vec<SocketAddr> = match url.host() {
            Some(Host::Ipv4(ip)) => vec![(ip, port).into()],
            Some(Host::Ipv6(ip)) => vec![(ip, port).into()],
            Some(Host::Domain(name)) => self.look_up(name, port).await?,
            None => Vec::new(),
        };
        if addresses.is_empty() {
            return Err(RemoteError::NotFound { host: host(url), why: "it has no address".to_owned() });
        }
        if addresses.iter().all(|address| self.may_reach(*address)) {
            Ok(addresses)
        } else {
            Err(RemoteError::Private { host: host(url) })
        }
    }

    async fn look_up(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, RemoteError> {
        let not_found = |why: String| RemoteError::NotFound { host: name.to_owned(), why };
        let found = timeout(CONNECT, self.names.lookup(name.to_owned(), port)).await;
        let found = found.map_err(|_| not_found("nobody answers who knows names".to_owned()))?;
        found.map_err(|error| not_found(error.to_string()))
    }

    fn may_reach(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        is_public(ip) || self.allowed.iter().any(|network| network.contains(&ip))
    }
}

fn file(url: &Url, response: Response) -> Result<RemoteFile, RemoteError> {
    if !response.status().is_success() {
        return Err(RemoteError::Refused { host: host(url), status: response.status().to_string() });
    }
    Ok(RemoteFile {
        name: naming::name_of(url, response.headers()),
        content_type: header(&response, &CONTENT_TYPE),
        length: header(&response, &CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        bytes: response.bytes_stream().map_err(reqwest::Error::without_url).boxed(),
    })
}

fn header(response: &Response, name: &HeaderName) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// The innermost cause: the outer ones only repeat the URL.
fn plain(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() { "it took too long".to_owned() } else { cause.to_string() }
}

#[cfg(test)]
mod tests;
