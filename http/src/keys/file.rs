//! The file of keys: a line for each, with a hash and never the key itself.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;

use super::key_text::{KeyHash, KeyText, is_id};
use super::scope::Scopes;

const MAX_NAME_BYTES: usize = 64;

/// One line of the file: `<id> <scopes> sha256:<hash> <name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// The part of the key that names it.
    pub id: String,
    /// What the key allows.
    pub scopes: Scopes,
    /// The hash of the key's secret.
    pub hash: KeyHash,
    /// Who has the key; it is what logs and metrics show.
    pub name: String,
}

impl KeyEntry {
    /// Makes the entry of a key.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub fn new(key: &KeyText, scopes: Scopes, name: &str) -> Result<Self, String> {
        Ok(Self { id: key.id().to_owned(), scopes, hash: key.hash(), name: check_name(name)? })
    }
}

impl fmt::Display for KeyEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, scopes, hash, name } = self;
        write!(f, "{id} {scopes} sha256:{hash} {name}")
    }
}

impl FromStr for KeyEntry {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let mut next = |what: &str| words.next().ok_or_else(|| format!("{what} is missing"));
        let id = next("the id")?;
        let scopes: Scopes = next("the scopes")?.parse()?;
        let hash = next("the hash")?;
        let name = words.collect::<Vec<_>>().join(" ");
        if !is_id(id) {
            return Err("the id must be of lower-case letters and digits".to_owned());
        }
        let hash = hash.strip_prefix("sha256:").and_then(KeyHash::parse);
        let hash = hash.ok_or("the hash must be sha256: and 64 hexadecimal digits")?;
        Ok(Self { id: id.to_owned(), scopes, hash, name: check_name(&name)? })
    }
}

fn check_name(name: &str) -> Result<String, String> {
    let name = name.trim();
    let is_name =
        !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control);
    if is_name {
        Ok(name.split_whitespace().collect::<Vec<_>>().join(" "))
    } else {
        Err(format!("the name must have from 1 to {MAX_NAME_BYTES} bytes, on one line"))
    }
}

/// Why a file of keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line is not a key's.
    #[error("line {line}: {problem}")]
    Line {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}

/// The keys of a file, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFile {
    /// The keys; no two have the same id.
    pub entries: Vec<KeyEntry>,
}

impl KeyFile {
    /// Reads a file. An empty line, or one that begins with `#`, says nothing.
    ///
    /// # Errors
    /// [`KeyFileError`] with the number of the first line that is wrong.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        Self::parse(&std::fs::read_to_string(path)?)
    }

    pub(super) fn parse(text: &str) -> Result<Self, KeyFileError> {
        let (mut entries, mut ids) = (Vec::new(), HashSet::new());
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let wrong = |problem| KeyFileError::Line { line, problem };
            let entry: KeyEntry = text.parse().map_err(wrong)?;
            if !ids.insert(entry.id.clone()) {
                return Err(wrong(format!("another key has the id {} as well", entry.id)));
            }
            entries.push(entry);
        }
        Ok(Self { entries })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{KeyText, Scopes};
    use super::*;

    #[test]
    fn a_wrong_line_is_named_by_its_number() {
        let good = KeyEntry::new(&KeyText::generate(), Scopes::all(), "a").unwrap();
        for (line, problem) in [
            ("abc", "the scopes is missing"),
            ("abc submit", "the hash is missing"),
            ("abc write sha256:00 x", "is not a scope"),
            ("abc submit sha256:00 x", "64 hexadecimal digits"),
            ("ABC submit,read sha256:00 x", "lower-case"),
            (&good.to_string(), "as well"),
            (&good.to_string().replace(" a", " "), "the name must have"),
        ] {
            let error = KeyFile::parse(&format!("# x\n{good}\n\n{line}")).unwrap_err().to_string();
            assert!(error.starts_with("line 4: ") && error.contains(problem), "{line}: {error}");
        }
    }
}
