//! Tests of the SQLite store: the contract of every store, and what only a file can prove.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "sqlite/backup.rs"]
mod backup;
#[path = "sqlite/durability.rs"]
mod durability;
#[path = "sqlite/journal.rs"]
mod journal;
#[path = "sqlite/removal.rs"]
mod removal;
#[path = "sqlite/restore.rs"]
mod restore;

use std::path::PathBuf;

use linkrelay_store::{LinkStore, SqliteStore, Store};
use tempfile::TempDir;

/// A store in its own directory, which is deleted when this is dropped.
struct TestStore {
    store: SqliteStore,
    directory: TempDir,
}

impl TestStore {
    fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&file(&directory)).unwrap();
        Self { store, directory }
    }

    fn store(&self) -> &dyn Store {
        &self.store
    }

    async fn drop_rows(&self) {
        let file = rusqlite::Connection::open(file(&self.directory)).unwrap();
        file.execute("DELETE FROM video", []).unwrap();
    }

    /// Opens a second handle to the same file, as another process would.
    fn second_handle(&self) -> SqliteStore {
        SqliteStore::open(&file(&self.directory)).unwrap()
    }

    /// Closes the file in an orderly way and opens it again.
    fn reopen(self) -> Self {
        let Self { store, directory } = self;
        drop(store);
        let store = SqliteStore::open(&file(&directory)).unwrap();
        Self { store, directory }
    }
}

fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("store.sqlite")
}

async fn open() -> TestStore {
    let opened = TestStore::open();
    opened.store.ensure_schema().await.unwrap();
    opened
}

mod contract {
    use super::open;

    linkrelay_store::contract_tests!(open);
}
