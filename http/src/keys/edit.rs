//! Changes of the file of keys: one at a time, and a reader sees either the old file or the new one.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::file::{KeyEntry, KeyFile, KeyFileError};

const HEADER: &str = "# linkrelay's API keys: id, scopes, SHA-256 of the secret, name.\n\
                      # `linkrelay keys add` makes a key, and `linkrelay keys revoke` removes one.\n";
/// A file that its owner's group may read stays so; others never may.
const KEPT_MODE: u32 = 0o640;

/// Adds a key, and creates the file if it does not exist.
///
/// # Errors
/// [`KeyFileError`] if the file has a wrong line, or cannot be read or replaced.
pub fn add_key(path: &Path, entry: &KeyEntry) -> Result<(), KeyFileError> {
    let target = Target::lock(path)?;
    let mut text = match fs::read_to_string(&target.path) {
        Err(error) if error.kind() == ErrorKind::NotFound => HEADER.to_owned(),
        read => read?,
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("{entry}\n"));
    // No line may be wrong, or a server would not read the new key.
    KeyFile::parse(&text)?;
    target.replace(&text)
}

/// Removes the key with this id, and returns its entry; `None` if no key has it.
///
/// # Errors
/// As of [`add_key`].
pub fn revoke_key(path: &Path, id: &str) -> Result<Option<KeyEntry>, KeyFileError> {
    let target = Target::lock(path)?;
    let text = fs::read_to_string(&target.path)?;
    let entries = KeyFile::parse(&text)?.entries;
    let Some(entry) = entries.into_iter().find(|entry| entry.id == id) else { return Ok(None) };
    let is_kept = |line: &&str| line.split_whitespace().next() != Some(id);
    target.replace(&text.split_inclusive('\n').filter(is_kept).collect::<String>())?;
    Ok(Some(entry))
}

/// The file to replace. Its folder is locked, because the file itself is another one afterwards.
struct Target {
    path: PathBuf,
    folder: PathBuf,
    _lock: File,
}

impl Target {
    fn lock(path: &Path) -> io::Result<Self> {
        // A link to the file stays one.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new(".")).to_owned();
        let lock = File::open(&folder)?;
        lock.lock()?;
        Ok(Self { path, folder, _lock: lock })
    }

    fn replace(&self, text: &str) -> Result<(), KeyFileError> {
        // A temporary file has the mode 0600.
        let mut file = NamedTempFile::new_in(&self.folder)?;
        file.write_all(text.as_bytes())?;
        if let Ok(old) = fs::metadata(&self.path) {
            let (own, kept) = (file.as_file().metadata()?, old.mode() & KEPT_MODE);
            // Otherwise root would take the file away from the server that reads it.
            if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
                fchown(file.as_file(), Some(old.uid()), Some(old.gid()))?;
            }
            file.as_file().set_permissions(Permissions::from_mode(kept | 0o600))?;
        }
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{KeyText, Scopes};
    use super::*;

    fn entry(name: &str) -> KeyEntry {
        KeyEntry::new(&KeyText::generate(), Scopes::all(), name).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_read_as_it_is_written_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let (first, second) = (entry("the site"), entry("Fran\u{e7}ois"));
        add_key(&path, &first).unwrap();
        assert_eq!(mode(&path), 0o600);
        add_key(&path, &second).unwrap();
        let both = KeyFile { entries: vec![first.clone(), second.clone()] };
        assert_eq!(KeyFile::read(&path).unwrap(), both);
        assert_eq!(revoke_key(&path, &first.id).unwrap(), Some(first.clone()));
        assert_eq!(KeyFile::read(&path).unwrap(), KeyFile { entries: vec![second] });
        assert_eq!(revoke_key(&path, &first.id).unwrap(), None);
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn what_an_operator_wrote_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("keys"), folder.path().join("link"));
        let (old, new) = (entry("old"), entry("new"));
        fs::write(&path, format!("# of the site\n\n  {old}\n# the last line has no end")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        add_key(&link, &new).unwrap();
        revoke_key(&link, &old.id).unwrap().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("# of the site\n\n# the last line has no end\n{new}\n"));
        assert_eq!(mode(&path), 0o640);
        assert!(link.is_symlink());
        fs::write(&path, "broken").unwrap();
        assert!(add_key(&path, &old).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "broken");
    }

    #[test]
    fn no_key_is_lost_when_many_are_added_at_the_same_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..8).for_each(|_| add_key(&path, &entry("x")).unwrap()));
            }
        });
        assert_eq!(KeyFile::read(&path).unwrap().entries.len(), 64);
    }
}
