//! Whether the programs of the stack are here, run on this machine and belong together. It must not start them for
//! anything but their version.

use std::path::Path;

use super::finding::Finding;
use crate::stack::{nats_server, programs};

pub(super) async fn look(named_nats_server: Option<&Path>) -> Vec<Finding> {
    let mut findings = vec![Finding::fine("escriba", env!("CARGO_PKG_VERSION"))];
    for name in programs::SERVICES {
        findings.push(service(name).await);
    }
    findings.push(match nats_server::find(named_nats_server).await {
        Ok((path, version)) => Finding::fine("nats-server", format!("{version}, {}", path.display())),
        // Each of these errors ends with how to get one.
        Err(error) => {
            let text = error.to_string();
            let says = text.strip_suffix(nats_server::HOW_TO_GET).unwrap_or(&text).trim_end().to_owned();
            Finding::problem("nats-server", says, nats_server::HOW_TO_GET)
        }
    });
    findings
}

async fn service(name: &str) -> Finding {
    let Some(path) = programs::beside_us(name) else {
        return Finding::problem(name, "It is not beside `escriba`.", programs::HOW_TO_GET);
    };
    match programs::version(&path).await {
        Ok(printed) => judge(name, &printed),
        Err(error) => Finding::problem(name, error.to_string(), programs::HOW_TO_GET),
    }
}

fn judge(name: &str, printed: &str) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    let version = printed.split_whitespace().last().unwrap_or("no version");
    if version == ours {
        Finding::fine(name, version)
    } else {
        let says = format!("It is {version}, but `escriba` is {ours}.");
        Finding::warning(name, says, "Install all of Escriba's programs from one release.")
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn programs_of_another_release_are_noticed() {
        let same = format!("escriba-gateway {}", env!("CARGO_PKG_VERSION"));
        assert_eq!(judge("escriba-gateway", &same).verdict, Verdict::Fine);
        assert_eq!(judge("escriba-gateway", "escriba-gateway 0.0.1").verdict, Verdict::Warning);
        assert_eq!(judge("escriba-gateway", "").verdict, Verdict::Warning);
    }
}
