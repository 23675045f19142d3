//! The store: MongoDB has to answer; a SQLite file has to exist, or its folder has to be writable.

use std::path::{Path, PathBuf};

use linkrelay_store::StoreSettings;

use super::probe::{Finding, Probe, ProbeResult};

const MONGODB: &str = "see that a server runs there, and what MONGODB_URI says";
const SQLITE: &str = "see that this user may write there, or set DATA_DIR";

pub(super) fn part(settings: StoreSettings) -> Probe {
    if settings.is_mongo() {
        Probe::new("mongodb", MONGODB, mongodb(settings))
    } else {
        Probe::new("sqlite", SQLITE, sqlite(settings))
    }
}

async fn mongodb(settings: StoreSettings) -> ProbeResult {
    // Neither error contains the connection string.
    let store = settings.open().map_err(|error| Finding::new(error, "correct it"))?;
    store.ping().await.map_err(|error| Finding::new(error, MONGODB))?;
    let namespace =
        settings.mongodb_namespace().map_err(|error| Finding::new(error, "correct it"))?;
    Ok(format!("answers; documents are in {}", namespace.unwrap_or_default()))
}

async fn sqlite(settings: StoreSettings) -> ProbeResult {
    let path = settings.sqlite_path();
    let shown = path.display().to_string();
    let exists = path.clone();
    if !tokio::task::spawn_blocking(move || exists.exists()).await.unwrap_or(false) {
        let made = tokio::task::spawn_blocking(move || can_be_made(&path)).await;
        let made = made.map_err(|error| Finding::new(error, SQLITE))?;
        return match made {
            Ok(()) => Ok(format!("{shown} will be made at the first start")),
            Err(error) => Err(Finding::new(format!("{shown} cannot be made: {error}"), SQLITE)),
        };
    }
    let store = tokio::task::spawn_blocking(move || settings.open()).await;
    let store = store.map_err(|error| Finding::new(error, SQLITE))?;
    let store = store.map_err(|error| Finding::new(error, SQLITE))?;
    store.ping().await.map_err(|error| Finding::new(error, SQLITE))?;
    Ok(format!("{shown} can be used"))
}

/// Tests whether a file can be written in the folder, or in the nearest one above it that exists.
fn can_be_made(path: &Path) -> std::io::Result<()> {
    let above = |path: &Path| match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut folder = above(path);
    while !folder.exists() {
        folder = above(&folder);
    }
    let trial = folder.join(format!(".linkrelay-check-{}", std::process::id()));
    std::fs::File::create_new(&trial)?;
    std::fs::remove_file(&trial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_could_be_made_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        can_be_made(&folder.path().join("not/there/linkrelay.sqlite")).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let file = folder.path().join("file");
        std::fs::write(&file, "no folder").unwrap();
        assert!(can_be_made(&file.join("linkrelay.sqlite")).is_err());
    }
}
