//! The client of Escriba's HTTP API: one connection's address and key, and how an answer becomes a value or an error
//! that a person understands. It must not print anything nor decide what to do about an error.

pub(crate) mod events;
pub(crate) mod jobs;
mod problem;
pub(crate) mod queue;
pub(crate) mod upload;

use std::{error::Error, fmt, time::Duration};

use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use problem::Problem;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For everything but uploads and event streams, which take as long as they take.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// A server and the key it knows us by.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
    key: String,
}

/// A request that came to nothing. The sentences name the cause, so none is given as a source: it would be told
/// twice.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The server said no, and why.
    #[error("{0}")]
    Refused(Problem),
    #[error("The server answered {status} without saying why")]
    Unexplained { status: StatusCode },
    #[error("{server} cannot be reached: {}", innermost(cause))]
    Unreachable { server: String, cause: reqwest::Error },
    #[error("The connection to {server} broke: {}", innermost(cause))]
    Broken { server: String, cause: reqwest::Error },
    #[error("The server's answer makes no sense to this version of escriba: {0}")]
    Nonsense(serde_json::Error),
    #[error("`{address}` is no address of a server: write it like http://127.0.0.1:8080")]
    NoAddress { address: String },
}

impl ApiError {
    /// Whether the same request may succeed a moment later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } => true,
            Self::Refused(problem) => is_passing(problem.status()),
            Self::Unexplained { status } => is_passing(*status),
            Self::Nonsense(_) | Self::NoAddress { .. } => false,
        }
    }

    pub(crate) fn is_not_found(&self) -> bool {
        match self {
            Self::Refused(problem) => problem.status() == StatusCode::NOT_FOUND,
            Self::Unexplained { status } => *status == StatusCode::NOT_FOUND,
            _ => false,
        }
    }
}

impl Client {
    pub(crate) fn new(server: &str, key: String) -> Result<Self, ApiError> {
        let no_address = || ApiError::NoAddress { address: server.to_owned() };
        let mut url: Url = server.parse().map_err(|_| no_address())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(no_address());
        }
        // Paths are joined to it as to a folder.
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let http = http_client(&url).map_err(|cause| ApiError::Unreachable { server: server.to_owned(), cause })?;
        Ok(Self { http, server: url, key })
    }

    pub(crate) fn server(&self) -> &str {
        self.server.as_str().trim_end_matches('/')
    }

    /// `path` without a slash in front.
    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, ApiError> {
        let url = self.server.join(path).map_err(|_| ApiError::NoAddress { address: path.to_owned() })?;
        Ok(self.http.request(method, url).bearer_auth(&self.key))
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ApiError> {
        let answer = self.send(request.timeout(ANSWER_TIMEOUT)).await?;
        self.decode(answer).await
    }

    /// Sends and returns a successful answer only.
    async fn send(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let answer = request.send().await.map_err(|cause| self.lost(cause))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let body = answer.bytes().await.unwrap_or_default();
        Err(Problem::read(status, &body).map_or(ApiError::Unexplained { status }, ApiError::Refused))
    }

    async fn decode<T: DeserializeOwned>(&self, answer: Response) -> Result<T, ApiError> {
        let body = answer.bytes().await.map_err(|cause| self.lost(cause))?;
        serde_json::from_slice(&body).map_err(ApiError::Nonsense)
    }

    fn lost(&self, cause: reqwest::Error) -> ApiError {
        // The address is named once, by us.
        let (server, cause) = (self.server().to_owned(), cause.without_url());
        if cause.is_connect() { ApiError::Unreachable { server, cause } } else { ApiError::Broken { server, cause } }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.server.as_str()).finish_non_exhaustive()
    }
}

/// A client for servers on this machine: no proxy, which would look for the address on its own machine, and no
/// certificates, which a bare system may not even have.
pub(crate) fn local_http() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).no_proxy().tls_certs_only([]).build()
}

/// Whether the address means this machine.
pub(crate) fn is_local(server: &Url) -> bool {
    let host = server.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn http_client(server: &Url) -> reqwest::Result<reqwest::Client> {
    if server.scheme() == "http" && is_local(server) {
        return local_http();
    }
    reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).build()
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// The cause that says most: "connection refused" rather than "error sending request".
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_paths_joined() {
        let client = Client::new("https://escriba.example/base", "k".into()).unwrap();
        assert_eq!(client.server(), "https://escriba.example/base");
        let request = client.request(Method::GET, "v1/jobs").unwrap().build().unwrap();
        assert_eq!(request.url().as_str(), "https://escriba.example/base/v1/jobs");
        for nonsense in ["localhost:8080", "ftp://here", "", "http://"] {
            assert!(matches!(Client::new(nonsense, String::new()), Err(ApiError::NoAddress { .. })), "{nonsense}");
        }
    }

    #[test]
    fn the_key_is_not_shown_by_debug() {
        let client = Client::new("http://127.0.0.1:1", "canary-key".into()).unwrap();
        assert!(!format!("{client:?}").contains("canary"));
    }

    #[test]
    fn local_addresses_are_recognised() {
        for local in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:8080"] {
            assert!(is_local(&local.parse().unwrap()), "{local}");
        }
        for remote in ["http://10.0.0.1", "https://localhost.example", "http://escriba:8080"] {
            assert!(!is_local(&remote.parse().unwrap()), "{remote}");
        }
    }
}
