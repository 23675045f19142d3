//! The path of a file of keys, as messages show it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::key_text::KeyText;

const HIDDEN: &str = "a file that does not exist (its name is not shown, since it may be a key)";

/// The path of a file of keys. A person may put a key there by mistake, so `Display` and `Debug`
/// repeat it only if there is such a file and its name is no key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPath(PathBuf);

impl KeyPath {
    /// Returns the path, which no message may have.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// Whether it is a key of `linkrelay keys add`, and so no path.
    pub fn is_key(&self) -> bool {
        self.0.to_str().is_some_and(|text| KeyText::parse(text.trim()).is_some())
    }
}

impl From<PathBuf> for KeyPath {
    fn from(path: PathBuf) -> Self {
        Self(path)
    }
}

impl From<OsString> for KeyPath {
    fn from(path: OsString) -> Self {
        Self(path.into())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.exists() && !self.is_key() {
            self.0.display().fmt(f)
        } else {
            f.write_str(HIDDEN)
        }
    }
}

impl fmt::Debug for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_path_of_a_file_is_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        let shown = |path: &Path| KeyPath::from(path.to_owned()).to_string();
        assert_eq!(shown(&file), HIDDEN);
        std::fs::write(&file, "").unwrap();
        assert_eq!(shown(&file), file.display().to_string());
        for text in [KeyText::generate().expose(), "a-key-of-a-first-try,another", "x/y+z==", ""] {
            let path = KeyPath::from(PathBuf::from(text));
            assert_eq!((path.to_string(), format!("{path:?}")), (HIDDEN.into(), HIDDEN.into()));
        }
        assert!(KeyPath::from(PathBuf::from(KeyText::generate().expose())).is_key());
        assert!(!KeyPath::from(file).is_key());
    }
}
