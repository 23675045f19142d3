//! Files that a browser downloads.

use std::path::Path;

use linkrelay_testkit::wait::{LONG, SHORT, wait_for};

/// Waits until a download is complete; returns its name and its bytes.
pub(crate) async fn downloaded(folder: &Path) -> (String, Vec<u8>) {
    let complete = wait_for("a complete download", LONG, SHORT * 3, async || {
        let names: Vec<String> = std::fs::read_dir(folder)
            .map_err(|error| error.to_string())?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        // Chromium renames a file once it is complete.
        let is_partial = |name: &String| name.ends_with(".crdownload") || name.starts_with(".");
        match names.iter().find(|name| !is_partial(name)) {
            Some(name) => Ok(name.clone()),
            None => Err(format!("{names:?}")),
        }
    });
    let name = complete.await.unwrap();
    let bytes = std::fs::read(folder.join(&name)).unwrap();
    (name, bytes)
}
