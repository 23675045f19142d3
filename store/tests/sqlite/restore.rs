//! Files that are replaced by a copy.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use linkrelay_common::DocumentId;
use linkrelay_store::sqlite::{Restored, StoreFileError, restore};
use linkrelay_store::{LinkStore, SqliteStore};
use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::backup::{copy, names, write};
use crate::{TestStore, file};

fn put_back(from: &Path, to: &Path, may_replace: bool) -> Result<Restored, StoreFileError> {
    restore(from, to, may_replace, &CancellationToken::new(), &mut |_| ())
}

/// A copy of a store with some documents.
struct Copy {
    folder: TempDir,
    path: PathBuf,
    ids: Vec<DocumentId>,
}

async fn a_copy() -> Copy {
    let opened = TestStore::open();
    let ids = write(&opened.store, 5).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy");
    copy(&file(&opened.directory), &path, false).unwrap();
    Copy { folder, path, ids }
}

async fn count(path: &Path, ids: &[DocumentId]) -> usize {
    SqliteStore::open(path).unwrap().find(ids).await.unwrap().len()
}

#[tokio::test]
async fn an_empty_folder_gets_the_store_and_a_used_one_is_refused() {
    let saved = a_copy().await;
    let target = saved.folder.path().join("a/b/linkrelay.sqlite");
    let restored = put_back(&saved.path, &target, false).unwrap();
    assert_eq!(restored.kept, None);
    let store = SqliteStore::open(&target).unwrap();
    let refused = put_back(&saved.path, &target, true).unwrap_err().to_string();
    assert!(refused.contains("a running linkrelay uses the folder"), "{refused}");
    assert_eq!(store.find(&saved.ids).await.unwrap().len(), saved.ids.len());
    drop(store);
    // A program that takes no lock of linkrelay's.
    let other = Connection::open(&target).unwrap();
    let rows = "SELECT count(*) FROM document";
    assert_eq!(other.query_row(rows, [], |row| row.get::<_, i64>(0)), Ok(5));
    let refused = put_back(&saved.path, &target, true).unwrap_err().to_string();
    assert!(refused.contains("a running linkrelay uses the folder"), "{refused}");
}

/// Leaves a store as a killed process does: its last documents are only in the write-ahead log.
async fn killed_store(path: &Path) -> Vec<DocumentId> {
    let opened = TestStore::open();
    let ids = write(&opened.store, 7).await;
    for ending in ["", "-wal"] {
        let from = opened.directory.path().join(format!("store.sqlite{ending}"));
        let mut to = path.as_os_str().to_owned();
        to.push(ending);
        fs::copy(from, to).unwrap();
    }
    ids
}

#[tokio::test]
async fn a_store_that_is_there_is_kept_with_what_was_only_in_its_log() {
    let saved = a_copy().await;
    let folder = tempfile::tempdir().unwrap();
    let target = file(&folder);
    let old = killed_store(&target).await;
    let refused = put_back(&saved.path, &target, false);
    assert!(matches!(refused, Err(StoreFileError::Exists(_))), "{refused:?}");
    fs::set_permissions(&target, Permissions::from_mode(0o640)).unwrap();
    let kept = put_back(&saved.path, &target, true).unwrap().kept.unwrap();
    let modes =
        [&target, &kept].map(|file| fs::metadata(file).unwrap().permissions().mode() & 0o777);
    assert_eq!(modes, [0o640, 0o640]);
    let kept_name = kept.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(kept_name.starts_with("store.sqlite.before-restore-20"), "{kept_name}");
    assert_eq!(names(folder.path()), ["store.sqlite", &kept_name, "store.sqlite.lock"]);
    assert_eq!(count(&target, &saved.ids).await, 5);
    assert_eq!(count(&target, &old).await, 0);
    assert_eq!(count(&kept, &old).await, 7);
    // Twice within a second.
    let again = put_back(&saved.path, &target, true).unwrap().kept.unwrap();
    assert_ne!(again, kept);
    assert_eq!(count(&again, &saved.ids).await, 5);
}

#[tokio::test]
async fn a_damaged_store_is_kept_as_it_is_and_nothing_of_it_reaches_the_new_one() {
    let saved = a_copy().await;
    let folder = tempfile::tempdir().unwrap();
    let target = file(&folder);
    killed_store(&target).await;
    fs::write(&target, "no database, ".repeat(1_000)).unwrap();
    let log = fs::read(folder.path().join("store.sqlite-wal")).unwrap();
    assert!(!log.is_empty());
    fs::write(folder.path().join("store.sqlite-journal"), "stale").unwrap();
    let kept = put_back(&saved.path, &target, true).unwrap().kept.unwrap();
    let beside = |ending| PathBuf::from(format!("{}{ending}", kept.display()));
    assert_eq!(fs::read(beside("-wal")).unwrap(), log);
    assert_eq!(fs::read(beside("-journal")).unwrap(), b"stale");
    assert!(fs::read_to_string(&kept).unwrap().starts_with("no database"));
    assert_eq!(count(&target, &saved.ids).await, 5);
}

#[tokio::test]
async fn a_log_without_its_file_does_not_reach_the_new_one() {
    let saved = a_copy().await;
    let folder = tempfile::tempdir().unwrap();
    let target = file(&folder);
    killed_store(&target).await;
    fs::remove_file(&target).unwrap();
    assert!(matches!(put_back(&saved.path, &target, false), Err(StoreFileError::Exists(_))));
    put_back(&saved.path, &target, true).unwrap();
    assert_eq!(count(&target, &saved.ids).await, 5);
}

/// Tries to restore a file that is not a backup; the store in the folder must be unharmed.
async fn refuse(bad: &Path, words: &str) {
    let folder = tempfile::tempdir().unwrap();
    let target = file(&folder);
    let store = SqliteStore::open(&target).unwrap();
    let ids = write(&store, 3).await;
    drop(store);
    let before = names(folder.path());
    let refused = put_back(bad, &target, true).unwrap_err().to_string();
    assert!(refused.contains(words) && refused.contains(bad.to_str().unwrap()), "{refused}");
    assert_eq!(names(folder.path()), before);
    assert_eq!(count(&target, &ids).await, 3);
}

#[tokio::test]
async fn a_file_that_is_no_whole_store_of_a_known_version_is_refused() {
    let saved = a_copy().await;
    let path = saved.folder.path().join("bad");
    refuse(&path, "there is no").await;
    fs::write(&path, "x".repeat(5_000)).unwrap();
    refuse(&path, "it is not a SQLite file").await;
    fs::write(&path, "").unwrap();
    refuse(&path, "it has no schema version").await;
    for (change, words) in [
        ("PRAGMA user_version = 99", "it was made by a newer one"),
        ("PRAGMA user_version = 0", "it has no schema version"),
        ("PRAGMA user_version = -1", "it has no schema version"),
        ("DROP TABLE journal", "it has no table journal"),
        // An index that misses a row: only a full check sees it.
        (
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema
                 WHERE name = 'dead_letter_by_id') WHERE name = 'document_of_video';",
            "is damaged",
        ),
    ] {
        fs::copy(&saved.path, &path).unwrap();
        Connection::open(&path).unwrap().execute_batch(change).unwrap();
        refuse(&path, words).await;
    }
}

#[tokio::test]
async fn a_copy_of_an_older_version_is_restored_and_brought_up_to_date_when_it_is_opened() {
    let saved = a_copy().await;
    let file = Connection::open(&saved.path).unwrap();
    // Without what the last step adds.
    let version: i64 = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    file.execute_batch("DROP TABLE move; DROP TABLE closed").unwrap();
    file.pragma_update(None, "user_version", version - 1).unwrap();
    drop(file);
    let target = saved.folder.path().join("linkrelay.sqlite");
    put_back(&saved.path, &target, false).unwrap();
    assert_eq!(count(&target, &saved.ids).await, 5);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// However a copy is truncated, it is refused, and the folder stays empty but for the lock.
    #[test]
    fn a_truncated_copy_is_refused(kept in 0.0..1.0_f64) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let saved = runtime.block_on(a_copy());
        let bytes = fs::metadata(&saved.path).unwrap().len();
        let kept_bytes = (bytes as f64 * kept) as u64;
        fs::File::options().write(true).open(&saved.path).unwrap().set_len(kept_bytes).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let target = file(&folder);
        prop_assert!(put_back(&saved.path, &target, false).is_err(), "{kept_bytes} of {bytes}");
        prop_assert_eq!(names(folder.path()), ["store.sqlite.lock"]);
    }
}
