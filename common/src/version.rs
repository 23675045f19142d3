//! Which program this is: its version, and its commit if the build was told it.

/// The version of linkrelay.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, if the build sets LINKRELAY_COMMIT: the build itself does not look for one, so that
/// the same source always makes the same program.
pub const COMMIT: Option<&str> = match option_env!("LINKRELAY_COMMIT") {
    Some(commit) if !commit.is_empty() => Some(commit),
    _ => None,
};

/// What `--version` prints after the program's name: `0.2.0`, or `0.2.0 (175cc5b…)`.
pub fn version() -> String {
    COMMIT.map_or_else(|| VERSION.to_owned(), |commit| format!("{VERSION} ({commit})"))
}
