//! Where jobs are kept: a database on a disk of its own.

use std::{fs, path::Path};

use crate::{postgres::Postgres, volume::Volume};

/// Megabytes.
const DISK: u64 = 512;

#[derive(Debug)]
pub(crate) enum House {
    Sqlite { disk: Volume },
    Postgres { server: Postgres, disk: Volume },
}

impl House {
    pub(crate) fn sqlite(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self::Sqlite { disk: Volume::make(folder.join("database"), DISK)? })
    }

    pub(crate) async fn postgres(folder: &Path) -> anyhow::Result<Self> {
        let disk = Volume::make(folder.join("database"), DISK)?;
        // The server takes no folder that is the whole disk.
        let cluster = disk.path().join("cluster");
        fs::create_dir(&cluster)?;
        let server = Postgres::start(&cluster, folder.join("postgres.log")).await?;
        Ok(Self::Postgres { server, disk })
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres { .. } => "postgres",
        }
    }

    pub(crate) const fn disk(&self) -> &Volume {
        match self {
            Self::Sqlite { disk } | Self::Postgres { disk, .. } => disk,
        }
    }

    pub(crate) const fn server(&self) -> Option<&Postgres> {
        match self {
            Self::Sqlite { .. } => None,
            Self::Postgres { server, .. } => Some(server),
        }
    }

    /// How many gateways can share it.
    pub(crate) const fn gateways(&self) -> usize {
        match self {
            Self::Sqlite { .. } => 1,
            Self::Postgres { .. } => 2,
        }
    }

    /// For `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite { disk } => format!("sqlite://{}?mode=rwc", disk.path().join("escriba.db").display()),
            Self::Postgres { server, .. } => server.url(),
        }
    }
}
