//! The API keys of a producer under test.
//!
//! It must not know: which benchmark uses them.

use std::path::PathBuf;

use anyhow::Result;
use linkrelay_http::keys::{KeyEntry, KeyText, Scopes, add_key};
use tempfile::TempDir;

/// How many keys the file has.
pub(crate) const KEYS: usize = 1_000;

/// A file of keys, and one of them.
#[derive(Debug)]
pub(crate) struct KeyFile {
    folder: TempDir,
    /// The one that a benchmark sends.
    pub(crate) key: KeyText,
}

impl KeyFile {
    /// Makes the file, in a folder of its own.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn new() -> Result<Self> {
        let keys = Self { folder: tempfile::tempdir()?, key: KeyText::generate() };
        for _ in 1..KEYS {
            keys.add(&KeyText::generate())?;
        }
        keys.add(&keys.key)?;
        Ok(keys)
    }

    /// The file.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    fn add(&self, key: &KeyText) -> Result<()> {
        let entry = KeyEntry::new(key, Scopes::all(), "bench").map_err(anyhow::Error::msg)?;
        Ok(add_key(&self.path(), &entry)?)
    }
}
