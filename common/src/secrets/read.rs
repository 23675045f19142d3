//! Reads a secret from its file. An error names the file and shows nothing of its contents.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// More than the longest value that Linux takes in an environment variable.
const MAX_BYTES: u64 = 128 * 1024;

/// Returns the contents of the file without the line break at their end.
///
/// # Errors
/// If the file cannot be read, is empty, too large or not text.
pub(super) fn secret(path: &Path) -> Result<String, String> {
    let problem = |problem: &str| format!("{} {problem}", shown(path));
    let mut bytes = Vec::new();
    // Not by the file's size: it may be a pipe of the shell.
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| problem(&format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(problem(&format!("is larger than {} KiB", MAX_BYTES / 1024)));
    }
    let text = String::from_utf8(bytes).map_err(|_| problem("is not UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
    if text.trim().is_empty() {
        return Err(problem("is empty"));
    }
    Ok(text.to_owned())
}

/// Returns the path for an error, unless it may be the secret itself, given in the wrong variable.
fn shown(path: &Path) -> String {
    let is_path = path.is_absolute() || path.starts_with(".") || path.starts_with("..");
    if is_path || path.exists() {
        format!("the file {}", path.display())
    } else {
        "the file (its name is not shown, since it may be the secret itself)".to_owned()
    }
}
