//! The SQLite file of `linkrelay up`, for commands that use it and must not make it.

use std::sync::Arc;

use linkrelay_common::SettingsError;
use linkrelay_store::{Store, StoreSettings};

/// Opens the store of a consumer, which must be reachable: MongoDB, or the SQLite file, which must
/// exist.
pub(crate) async fn open(settings: &StoreSettings) -> anyhow::Result<Arc<dyn Store>> {
    if !settings.is_mongo() {
        check(settings, "or MONGODB_URI to the store of a consumer")?;
    }
    let store = tokio::task::block_in_place(|| settings.open())?;
    store.ping().await?;
    Ok(store)
}

/// Checks that the file exists; `otherwise` says which setting leads elsewhere, as in "or
/// MONGODB_URI to …".
///
/// # Errors
/// If there is no file; the error names DATA_DIR.
pub(crate) fn check(store: &StoreSettings, otherwise: &str) -> Result<(), SettingsError> {
    let path = store.sqlite_path();
    if path.is_file() {
        return Ok(());
    }
    let problem = format!(
        "there is no {}: set it to the folder of `linkrelay up`, {otherwise}",
        path.display()
    );
    Err(SettingsError::new("DATA_DIR", problem))
}
