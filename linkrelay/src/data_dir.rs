//! The SQLite file of `linkrelay up`, for commands that read it and must not make it.

use linkrelay_common::SettingsError;
use linkrelay_store::StoreSettings;

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
