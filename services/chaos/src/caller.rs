//! A workspace's client, made for servers that are away: whatever comes back is an answer, and no answer is one too.

use std::time::Duration;

use escriba_domain::{JobId, WorkspaceId};
use escriba_e2e::Client;
use reqwest::{
    Method, RequestBuilder,
    multipart::{Form, Part},
};
use serde_json::Value;

use crate::recordings::Recording;

const PATIENCE: Duration = Duration::from_secs(20);

/// One workspace, at every gateway.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) workspace: WorkspaceId,
    gateways: Vec<Client>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Said {
        status: u16,
        body: Value,
    },
    /// The connection broke or timed out: it may have happened or not.
    Nothing(String),
}

impl Answer {
    pub(crate) const fn status(&self) -> Option<u16> {
        match self {
            Self::Said { status, .. } => Some(*status),
            Self::Nothing(_) => None,
        }
    }
}

impl Caller {
    pub(crate) fn new(workspace: WorkspaceId, key: &str, gateways: &[String]) -> Self {
        Self { workspace, gateways: gateways.iter().map(|url| Client::new(url.clone(), key)).collect() }
    }

    /// Sends a recording under a name of its own.
    pub(crate) async fn submit(&self, gateway: usize, recording: &Recording, name: &str, lane: &str) -> Answer {
        let part = Part::stream_with_length(recording.bytes.clone(), recording.bytes.len() as u64);
        let form = Form::new().text("lane", lane.to_owned()).part("media", part.file_name(name.to_owned()));
        send(self.request(gateway, Method::POST, "/v1/jobs").multipart(form)).await
    }

    pub(crate) async fn cancel(&self, gateway: usize, job: JobId) -> Answer {
        send(self.request(gateway, Method::POST, &format!("/v1/jobs/{job}/cancel"))).await
    }

    pub(crate) async fn retry(&self, gateway: usize, job: JobId) -> Answer {
        send(self.request(gateway, Method::POST, &format!("/v1/jobs/{job}/retry"))).await
    }

    pub(crate) async fn job(&self, gateway: usize, job: JobId) -> Answer {
        send(self.request(gateway, Method::GET, &format!("/v1/jobs/{job}"))).await
    }

    pub(crate) async fn transcript(&self, gateway: usize, job: JobId) -> Answer {
        send(self.request(gateway, Method::GET, &format!("/v1/jobs/{job}/transcript?format=json"))).await
    }

    /// What the server says of itself.
    pub(crate) async fn interface(&self) -> Answer {
        send(self.request(0, Method::GET, "/openapi.json")).await
    }

    /// The request for a job's events, whose answer never ends by itself.
    pub(crate) fn events(&self, gateway: usize, job: JobId) -> RequestBuilder {
        self.request(gateway, Method::GET, &format!("/v1/jobs/{job}/events"))
    }

    /// A request to the gateway of this number, or of as many more as there are.
    pub(crate) fn request(&self, gateway: usize, method: Method, path: &str) -> RequestBuilder {
        self.gateways[gateway % self.gateways.len()].request(method, path)
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let answered = async {
        let response = request.timeout(PATIENCE).send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok::<_, reqwest::Error>((status, text))
    };
    match answered.await {
        Ok((status, text)) => Answer::Said { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) },
        Err(error) => Answer::Nothing(error.to_string()),
    }
}
