//! Whether Escriba runs on this machine now, answers and knows our key; and if it does not run, whether it could
//! have its usual address.

use std::net::TcpListener;

use super::finding::Finding;
use crate::{
    api::{self, Client, jobs::Wanted},
    data_dir::{DataDir, StackRecord},
    stack::ports::USUAL_HTTP,
};

pub(super) async fn look(data: &DataDir) -> Vec<Finding> {
    let Some(stack) = data.running_stack() else {
        return vec![Finding::fine("running", "Nothing runs now; `escriba up` starts it."), usual_address()];
    };
    let mut findings = vec![Finding::fine("running", format!("{} (process {})", stack.http_url, stack.pid))];
    findings.extend(services(&stack).await);
    findings.push(key(data, &stack).await);
    findings
}

fn usual_address() -> Finding {
    let subject = format!("port {}", USUAL_HTTP.port());
    match TcpListener::bind(USUAL_HTTP) {
        Ok(_) => Finding::fine(subject, "It is free."),
        Err(_) => Finding::warning(
            subject,
            "Another program uses it.",
            "`escriba up` will choose a free port and say which; --http-addr names one.",
        ),
    }
}

async fn services(stack: &StackRecord) -> Vec<Finding> {
    let Ok(http) = api::local_http() else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (name, url) in &stack.internal_urls {
        let answer = http.get(format!("{url}/readyz")).timeout(std::time::Duration::from_secs(5)).send().await;
        findings.push(match answer {
            Ok(answer) if answer.status().is_success() => Finding::fine(name, "It is ready."),
            Ok(answer) => {
                let reason = answer.text().await.unwrap_or_default();
                Finding::problem(name, format!("It is not ready: {}", reason.trim()), LOG)
            }
            Err(_) => Finding::problem(name, "It does not answer.", LOG),
        });
    }
    findings
}

const LOG: &str = "Look at escriba.log in the data folder, or stop `escriba up` and start it again.";

async fn key(data: &DataDir, stack: &StackRecord) -> Finding {
    let remedy = "Stop `escriba up`, remove the file `api-key` in the data folder, and start it again.";
    let client = data.read_api_key().and_then(|key| Ok(Client::new(&stack.http_url, key)?));
    let client = match client {
        Ok(client) => client,
        Err(error) => return Finding::problem("API key", format!("{error:#}."), remedy),
    };
    match client.jobs(&Wanted::default(), 1).await {
        Ok(_) => Finding::fine("API key", data.api_key().display().to_string()),
        Err(error) => Finding::problem("API key", error.to_string(), remedy),
    }
}
