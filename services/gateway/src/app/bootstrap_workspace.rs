//! The first start of a local stack: a workspace, and a key for it in a file only its owner can read.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use escriba_database::{
    Database, DatabaseError,
    api_keys::{self, NewKey},
    workspaces,
};
use escriba_domain::Scopes;

use super::authenticate_caller::new_key;

#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    #[error("the API key file {path} cannot be written: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Does nothing when the file is there. A lost file gets a new key for the same workspace.
pub async fn run(db: &Database, file: &Path) -> Result<(), BootstrapError> {
    if file.exists() {
        return Ok(());
    }
    let failed = |source| BootstrapError::File { path: file.to_owned(), source };
    let key = new_key().map_err(failed)?;
    let tx = db.begin().await?;
    let workspace = match workspaces::first(&tx).await? {
        Some(workspace) => workspace,
        None => workspaces::create(&tx, "local").await?,
    };
    let new = NewKey {
        workspace,
        name: "local",
        prefix: &key.prefix,
        secret_hash: key.hash,
        scopes: Scopes::ALL,
        expires_at: None,
    };
    api_keys::create(&tx, &new).await?;
    tx.commit().await?;
    // Written last and moved into place: a file that is there holds a key that works.
    let unfinished = file.with_extension("new");
    write_private(&unfinished, &key.key).map_err(failed)?;
    std::fs::rename(&unfinished, file).map_err(failed)?;
    tracing::info!(file = %file.display(), "made an API key");
    Ok(())
}

fn write_private(file: &Path, text: &str) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}
