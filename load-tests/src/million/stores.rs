//! The stores that grow, and what is outside of `LinkStore`: how a store is opened by a new process,
//! how large it is, and what leads `linkrelay check` to it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use linkrelay_store::mongo::MongoStore;
use linkrelay_store::{LinkStore, SqliteStore};
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::tools::fresh_name;
use mongodb::Client;
use mongodb::bson::{Bson, doc};
use secrecy::SecretString;
use tempfile::TempDir;

const DOCUMENTS: &str = "youtube";
const VIDEOS: &str = "videos";
/// As `linkrelay up` names it.
const FILE: &str = "linkrelay.sqlite";
/// The files of SQLite's and SecantusDB's logs.
const LOGS: [&str; 4] = ["-wal", "-shm", "WiredTigerLog", "oplog"];

/// A store that has only this benchmark's documents.
pub(super) enum Growing {
    Sqlite(TempDir),
    Mongo { server: Server, database: String },
}

/// SecantusDB of this benchmark alone, or the MongoDB that `MONGODB_URI` names.
pub(super) enum Server {
    Own(Box<MongoServer>),
    Named(&'static MongoServer),
}

impl Growing {
    pub(super) fn sqlite() -> Result<Self> {
        Ok(Self::Sqlite(tempfile::tempdir()?))
    }

    pub(super) async fn mongo() -> Result<Self> {
        let is_named = std::env::var("MONGODB_URI").is_ok_and(|uri| !uri.is_empty());
        let server = match is_named {
            true => Server::Named(MongoServer::shared().await?),
            false => Server::Own(Box::new(MongoServer::start().await?)),
        };
        Ok(Self::Mongo { server, database: fresh_name("million") })
    }

    /// Opens it as a process does at its start.
    pub(super) async fn open(&self) -> Result<Arc<dyn LinkStore>> {
        let store: Arc<dyn LinkStore> = match self {
            Self::Sqlite(folder) => Arc::new(SqliteStore::open(&folder.path().join(FILE))?),
            Self::Mongo { server, database } => {
                let uri = SecretString::from(server.get().uri().to_owned());
                Arc::new(MongoStore::new(&uri, database, DOCUMENTS, VIDEOS)?)
            }
        };
        store.ensure_schema().await?;
        Ok(store)
    }

    /// Returns the bytes of its files, without those that it keeps only for a time.
    pub(super) async fn bytes(&self) -> Result<u64> {
        match self {
            Self::Sqlite(folder) => bytes_below(folder.path()),
            Self::Mongo { server: Server::Own(server), .. } => bytes_below(server.folder()?),
            Self::Mongo { server: Server::Named(server), database } => {
                let client = Client::with_uri_str(server.uri()).await?;
                let stats = client.database(database).run_command(doc! { "dbStats": 1 }).await?;
                let size = stats.get("totalSize").and_then(number);
                Ok(size.context("no totalSize in dbStats")? as u64)
            }
        }
    }

    /// Returns the settings that lead a process to it.
    pub(super) fn env(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Sqlite(folder) => vec![
                ("DATA_DIR", folder.path().display().to_string()),
                ("MONGODB_URI", String::new()),
            ],
            Self::Mongo { server, database } => vec![
                ("MONGODB_URI", server.get().uri().to_owned()),
                ("MONGODB_DATABASE", database.clone()),
            ],
        }
    }

    /// Removes the documents.
    pub(super) async fn remove(self) -> Result<()> {
        match self {
            Self::Mongo { server: Server::Named(server), database } => {
                let client = Client::with_uri_str(server.uri()).await?;
                Ok(client.database(&database).drop().await?)
            }
            // They go with their folders.
            Self::Sqlite(_) | Self::Mongo { server: Server::Own(_), .. } => Ok(()),
        }
    }
}

impl Server {
    fn get(&self) -> &MongoServer {
        match self {
            Self::Own(server) => server,
            Self::Named(server) => server,
        }
    }
}

fn number(value: &Bson) -> Option<f64> {
    value.as_f64().or_else(|| value.as_i64().map(|int| int as f64)).or_else(|| {
        let int = value.as_i32()?;
        Some(f64::from(int))
    })
}

fn bytes_below(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if LOGS.iter().any(|log| name.to_string_lossy().contains(log)) {
            continue;
        }
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_below(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
