//! Which server a command talks to, and with which key: the ones named, else those of the stack on this machine. A
//! key kept on this machine must never be sent to another one.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use reqwest::Url;

use crate::{
    api::{self, Client},
    data_dir::DataDir,
};

#[derive(Debug, Clone, Args)]
pub(crate) struct ServerArgs {
    /// The server's address [default: the one `escriba up` started].
    #[arg(long, env = "ESCRIBA_URL", value_name = "URL", global = true)]
    server: Option<String>,
    /// The key the server knows you by [default: the one in the data folder].
    #[arg(long, env = "ESCRIBA_API_KEY", value_name = "KEY", hide_env_values = true, global = true)]
    api_key: Option<String>,
    #[command(flatten)]
    data: DataDirArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DataDirArgs {
    /// Where Escriba keeps everything [default: ~/.local/share/escriba, or as the XDG variables have it].
    #[arg(long, env = "ESCRIBA_DATA_DIR", value_name = "FOLDER", global = true)]
    data_dir: Option<PathBuf>,
}

impl DataDirArgs {
    pub(crate) fn resolve(&self) -> anyhow::Result<DataDir> {
        DataDir::resolve(self.data_dir.as_deref())
    }
}

impl ServerArgs {
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let (server, key) = match (self.server.clone(), self.api_key.clone()) {
            (Some(server), Some(key)) => (server, key),
            (Some(server), None) => {
                let key = self.local_key_for(&server)?;
                (server, key)
            }
            (None, key) => {
                let data = self.data.resolve()?;
                let Some(stack) = data.running_stack() else {
                    bail!(
                        "No Escriba runs on this machine (looked in {}). Start it with `escriba up` in another terminal, \
                         or name a server with --server and --api-key.",
                        data.root().display()
                    );
                };
                let key = key.map_or_else(|| data.read_api_key(), Ok)?;
                (stack.http_url, key)
            }
        };
        Ok(Client::new(&server, key)?)
    }

    fn local_key_for(&self, server: &str) -> anyhow::Result<String> {
        if !server.parse::<Url>().is_ok_and(|url| api::is_local(&url)) {
            bail!("{server} needs a key: give it with --api-key or ESCRIBA_API_KEY.");
        }
        self.data.resolve()?.read_api_key().context("The server needs a key: give it with --api-key or ESCRIBA_API_KEY")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn arguments(server: Option<&str>, key: Option<&str>, folder: &std::path::Path) -> ServerArgs {
        ServerArgs {
            server: server.map(str::to_owned),
            api_key: key.map(str::to_owned),
            data: DataDirArgs { data_dir: Some(folder.to_owned()) },
        }
    }

    #[test]
    fn the_key_of_this_machine_goes_to_this_machine_only() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("api-key"), "local-key\n").unwrap();
        assert!(arguments(Some("http://127.0.0.1:9"), None, folder.path()).client().is_ok());
        let refusal = arguments(Some("http://escriba.example"), None, folder.path()).client().unwrap_err();
        assert!(refusal.to_string().contains("--api-key"), "{refusal}");
        assert!(arguments(Some("http://escriba.example"), Some("its-key"), folder.path()).client().is_ok());
    }

    #[test]
    fn without_a_server_the_person_is_told_how_to_start_one() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = arguments(None, None, folder.path()).client().unwrap_err().to_string();
        assert!(refusal.contains("`escriba up`"), "{refusal}");
    }
}
