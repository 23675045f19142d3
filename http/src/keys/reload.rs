//! Reads the file of keys again when it changes, and on SIGHUP.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use linkrelay_common::hangup;
use tokio_util::sync::CancellationToken;

use super::{Access, KeyFile, KeyPath, KeyRing};

/// How soon a key that was revoked is refused, at the latest.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Returns the task that keeps the keys as their file is, until `stop` is cancelled; `None` if there
/// is no file.
pub fn watch(
    access: &Access,
    file: Option<&KeyPath>,
    stop: CancellationToken,
) -> Option<impl Future<Output = ()> + Send + use<>> {
    let (Access::Keys(ring), Some(path)) = (access, file) else { return None };
    Some(keep_current(Arc::clone(ring), path.as_path().to_owned(), stop))
}

/// Keeps a ring as the file is, until `stop` is cancelled. A file that cannot be read changes
/// nothing, and is logged once.
async fn keep_current(ring: Arc<KeyRing>, path: PathBuf, stop: CancellationToken) {
    let mut hangups = hangup::hangups();
    let mut seen = None;
    loop {
        let is_asked = tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => false,
            Ok(()) = hangups.changed() => true,
        };
        let version = version(&path).await;
        if is_asked || seen.as_ref() != Some(&version) {
            read(&ring, &path).await;
            seen = Some(version);
        }
    }
}

/// What changes when a file is written or replaced; `None` if it does not exist.
async fn version(path: &Path) -> Option<(SystemTime, u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = tokio::fs::metadata(path).await.ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}

async fn read(ring: &KeyRing, path: &Path) {
    let of_file = path.to_owned();
    let read = tokio::task::spawn_blocking(move || KeyFile::read(&of_file)).await;
    let file = path.display();
    match read {
        Ok(Ok(keys)) => {
            let (keys_count, changed) = (keys.entries.len(), ring.replace(&keys));
            match (keys_count, changed) {
                (_, false) => {}
                (0, true) => tracing::error!(
                    %file,
                    "{file} has no API key any more: every client that had one is refused, and a \
                     producer does not start with this file; `linkrelay keys add` makes a key"
                ),
                (_, true) => {
                    tracing::info!(%file, keys_count, "the API keys of {file} have changed");
                }
            }
        }
        Ok(Err(error)) => tracing::error!(
            %file, error = %error,
            "the API keys of {file} cannot be read, so it goes on with the keys that it has read before, and a producer does not start with this file: {error}"
        ),
        Err(error) => tracing::error!(%file, "the API keys of {file} were not read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{KeyEntry, KeyText, Scopes};
    use super::*;

    async fn until(is: impl Fn() -> bool) {
        while !is() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_file_is_read_and_a_broken_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let (old, new) = (KeyText::generate(), KeyText::generate());
        let write = |key: &KeyText| {
            let entry = KeyEntry::new(key, Scopes::all(), "x").unwrap();
            std::fs::write(&path, entry.to_string()).unwrap();
        };
        write(&old);
        let (ring, stop) = (Arc::new(KeyRing::new([], None)), CancellationToken::new());
        let task = tokio::spawn(keep_current(Arc::clone(&ring), path.clone(), stop.clone()));
        until(|| ring.holder(old.expose()).is_some()).await;
        write(&new);
        until(|| ring.holder(new.expose()).is_some()).await;
        assert_eq!(ring.holder(old.expose()), None);
        std::fs::write(&path, "broken").unwrap();
        tokio::time::sleep(LOOK_EVERY * 3).await;
        assert!(ring.holder(new.expose()).is_some());
        write(&old);
        until(|| ring.holder(old.expose()).is_some()).await;
        stop.cancel();
        task.await.unwrap();
    }
}
