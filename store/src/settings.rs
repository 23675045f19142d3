//! The settings of the store, shared by every role that reads or writes documents.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::SettingsError;
use secrecy::{ExposeSecret, SecretString};

use crate::Store;
use crate::mongo::{MongoStore, MongoUri};
use crate::sqlite::SqliteStore;

/// The database if neither `MONGODB_DATABASE` nor the connection string names one.
const DEFAULT_DATABASE: &str = "linkrelay";
/// A shorter one would cost the store, and a longer one would not say what runs now.
const SHORTEST_BEAT: Duration = Duration::from_millis(100);
const LONGEST_BEAT: Duration = Duration::from_secs(600);
/// The SQLite file within `DATA_DIR`.
const FILE_NAME: &str = "linkrelay.sqlite";

/// The settings for where documents are stored.
#[derive(Debug, Clone, clap::Args)]
pub struct StoreSettings {
    /// Connection string of MongoDB (mongodb:// or mongodb+srv://). Without it, documents are
    /// stored in a SQLite file in DATA_DIR.
    // Not parsed by clap, whose error would show the password.
    #[arg(long, env = "MONGODB_URI", hide_env_values = true, value_name = "URI")]
    pub mongodb_uri: Option<SecretString>,

    /// Database in MongoDB. Without it, the one that the path of MONGODB_URI names, unless that is
    /// admin, local or config; otherwise linkrelay.
    #[arg(long, env = "MONGODB_DATABASE", value_name = "NAME")]
    pub mongodb_database: Option<String>,

    /// Collection in that database.
    #[arg(long, env = "MONGODB_COLLECTION", default_value = "youtube", value_name = "NAME")]
    pub mongodb_collection: String,

    /// Collection in that database with a row for each video. Deployments that share a database
    /// need one each.
    #[arg(long, env = "MONGODB_VIDEOS_COLLECTION", default_value = "videos", value_name = "NAME")]
    pub mongodb_videos_collection: String,

    /// Directory of the SQLite file and of thumbnails; it is made if it does not exist.
    #[arg(long, env = "DATA_DIR", default_value = "./linkrelay-data", value_name = "DIR")]
    pub data_dir: PathBuf,

    /// How often each role writes to the store what it does, for GET /processes
    #[arg(long, env = "HEARTBEAT_INTERVAL", default_value = "10s", value_parser = heartbeat_interval, value_name = "TIME")]
    pub heartbeat_interval: Duration,
}

/// Returns the path of the SQLite file in this directory.
pub fn sqlite_path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE_NAME)
}

fn heartbeat_interval(text: &str) -> Result<Duration, String> {
    let interval = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if (SHORTEST_BEAT..=LONGEST_BEAT).contains(&interval) {
        return Ok(interval);
    }
    Err(format!("must be from {SHORTEST_BEAT:?} to {LONGEST_BEAT:?}"))
}

impl StoreSettings {
    /// Whether documents are stored in MongoDB. An empty `MONGODB_URI` counts as not set: that is
    /// how compose files and shells unset a variable.
    pub fn is_mongo(&self) -> bool {
        self.uri().is_some()
    }

    /// Opens MongoDB if there is a connection string, otherwise SQLite. MongoDB need not be
    /// reachable yet.
    ///
    /// # Errors
    /// Fails if a setting can never work, and names it.
    pub fn open(&self) -> Result<Arc<dyn Store>, SettingsError> {
        match self.uri() {
            Some(uri) => {
                let database = self.database(uri)?;
                let (documents, videos) =
                    (&self.mongodb_collection, &self.mongodb_videos_collection);
                Ok(Arc::new(MongoStore::new(uri, &database, documents, videos)?))
            }
            None => Ok(self.open_sqlite()?),
        }
    }

    /// Returns `database.collection` of the documents in MongoDB; `None` for SQLite.
    ///
    /// # Errors
    /// Fails if the connection string can never work.
    pub fn mongodb_namespace(&self) -> Result<Option<String>, SettingsError> {
        let database = self.uri().map(|uri| self.database(uri)).transpose()?;
        Ok(database.map(|database| format!("{database}.{}", self.mongodb_collection)))
    }

    /// Returns the documents in MongoDB by the names that do not change: `hosts/database.collection`;
    /// `None` for SQLite. No credentials are in it.
    ///
    /// # Errors
    /// Fails if the connection string can never work.
    pub fn mongodb_target(&self) -> Result<Option<String>, SettingsError> {
        let hosts = self.uri().map(|uri| Ok(MongoUri::parse(uri)?.hosts())).transpose()?;
        let target = hosts.zip(self.mongodb_namespace()?);
        Ok(target.map(|(hosts, namespace)| format!("{hosts}/{namespace}")))
    }

    /// Returns the path of the SQLite file, which need not exist.
    pub fn sqlite_path(&self) -> PathBuf {
        sqlite_path(&self.data_dir)
    }

    /// Opens the SQLite file, for the embedded mode, which also needs its journal. Blocks for some
    /// milliseconds, or until an older file is migrated.
    ///
    /// # Errors
    /// Fails if the directory cannot be made, or the file in it cannot be used.
    pub fn open_sqlite(&self) -> Result<Arc<SqliteStore>, SettingsError> {
        let problem = |path: &Path, error: &dyn std::fmt::Display| {
            SettingsError::new("DATA_DIR", format!("{}: {error}", path.display()))
        };
        std::fs::create_dir_all(&self.data_dir).map_err(|error| problem(&self.data_dir, &error))?;
        let path = self.sqlite_path();
        let store = SqliteStore::open(&path).map_err(|error| problem(&path, &error))?;
        Ok(Arc::new(store))
    }

    /// An empty `MONGODB_DATABASE` also counts as not set.
    fn database(&self, uri: &SecretString) -> Result<String, SettingsError> {
        let named = self.mongodb_database.clone().filter(|name| !name.trim().is_empty());
        let of_uri = MongoUri::parse(uri)?.database().map(str::to_owned);
        Ok(named.or(of_uri).unwrap_or_else(|| DEFAULT_DATABASE.to_owned()))
    }

    fn uri(&self) -> Option<&SecretString> {
        self.mongodb_uri.as_ref().filter(|uri| !uri.expose_secret().trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        store: StoreSettings,
    }

    fn settings(arguments: &[&str]) -> StoreSettings {
        Command::parse_from([&["x"], arguments].concat()).store
    }

    #[test]
    fn a_password_is_in_no_debug_print_help_or_error() {
        let store = settings(&["--mongodb-uri", "mongodb://user:sesame@host:x"]);
        assert!(!format!("{store:?}").contains("sesame"));
        let error = store.open().map(|_| ()).unwrap_err();
        assert_eq!(error.setting, "MONGODB_URI");
        assert!(!error.to_string().contains("sesame"), "{error}");
    }

    #[test]
    fn mongodb_is_opened_without_a_server_or_a_runtime() {
        let store = settings(&["--mongodb-uri", "mongodb://127.0.0.1:1"]);
        assert!(store.is_mongo());
        assert!(store.open().is_ok());
    }

    #[test]
    fn the_database_is_the_setting_s_then_the_connection_string_s_then_the_default() {
        for (arguments, namespace) in [
            (&["--mongodb-uri=mongodb://a"][..], "linkrelay.youtube"),
            (&["--mongodb-uri=mongodb://a/"], "linkrelay.youtube"),
            (&["--mongodb-uri=mongodb://a/?authSource=users"], "linkrelay.youtube"),
            (&["--mongodb-uri=mongodb://a/mine"], "mine.youtube"),
            (&["--mongodb-uri=mongodb://u:p@a,b/mine?authSource=admin"], "mine.youtube"),
            (&["--mongodb-uri=mongodb+srv://u:p@a.example/mine?w=majority"], "mine.youtube"),
            (&["--mongodb-uri=mongodb://a/mine", "--mongodb-database="], "mine.youtube"),
            (&["--mongodb-uri=mongodb://a/mine", "--mongodb-database=other"], "other.youtube"),
            (&["--mongodb-uri=mongodb://u:p@a/admin"], "linkrelay.youtube"),
            (&["--mongodb-uri=mongodb://u:p@a/local"], "linkrelay.youtube"),
            (&["--mongodb-uri=mongodb+srv://u:p@a.example/config"], "linkrelay.youtube"),
            (&["--mongodb-uri=mongodb://u:p@a/admin", "--mongodb-database=admin"], "admin.youtube"),
            (&["--mongodb-uri=mongodb://a/mine", "--mongodb-collection=links"], "mine.links"),
        ] {
            let found = settings(arguments).mongodb_namespace().unwrap();
            assert_eq!(found.as_deref(), Some(namespace), "{arguments:?}");
        }
        assert_eq!(settings(&[]).mongodb_namespace().unwrap(), None);
    }

    #[test]
    fn a_target_has_hosts_and_names_and_no_credentials() {
        for (uri, target) in [
            ("mongodb://a", "a/linkrelay.youtube"),
            ("mongodb://u:p%40@a:1,b:2/mine?authSource=admin", "a:1,b:2/mine.youtube"),
            ("mongodb+srv://u:p@a.example/?w=majority", "a.example/linkrelay.youtube"),
        ] {
            let found = settings(&["--mongodb-uri", uri]).mongodb_target().unwrap();
            assert_eq!(found.as_deref(), Some(target));
        }
        assert_eq!(settings(&[]).mongodb_target().unwrap(), None);
    }

    #[test]
    fn an_empty_connection_string_means_sqlite() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path().join("a/b");
        let store = settings(&["--mongodb-uri=", "--data-dir", data_dir.to_str().unwrap()]);
        assert!(!store.is_mongo());
        store.open().unwrap();
        assert!(data_dir.join(FILE_NAME).is_file());
    }

    #[test]
    fn a_data_dir_that_cannot_be_one_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "no directory").unwrap();
        let below = file.join("below");
        for path in [&file, &below] {
            let error = settings(&["--data-dir", path.to_str().unwrap()]).open_sqlite();
            assert_eq!(error.unwrap_err().setting, "DATA_DIR");
        }
    }

    #[test]
    fn a_file_that_is_not_sqlite_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE_NAME), "x".repeat(5_000)).unwrap();
        let store = settings(&["--data-dir", directory.path().to_str().unwrap()]);
        let error = store.open_sqlite().unwrap_err().to_string();
        assert!(error.starts_with("DATA_DIR: ") && error.contains(FILE_NAME), "{error}");
    }
}
