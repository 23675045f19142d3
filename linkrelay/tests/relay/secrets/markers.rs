use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use linkrelay_testkit::tools::fresh_name;

/// A text for each secret that occurs nowhere else, and what it looks like in other forms.
#[derive(Debug)]
pub(crate) struct Markers(BTreeMap<String, String>);

impl Markers {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        // Letters and digits, which look the same in a URL, in JSON and in a Debug print.
        let marker = || fresh_name("Marker").replace('-', "");
        Self(secrets.into_iter().map(|name| (name.to_owned(), marker())).collect())
    }

    pub(crate) fn of(&self, secret: &str) -> &str {
        &self.0[secret]
    }

    /// Says which secrets are in which files of a folder, and how.
    pub(crate) fn found_in(&self, folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for file in files(folder) {
            let bytes = std::fs::read(&file).unwrap();
            // A different case is as bad.
            let bytes = bytes.to_ascii_lowercase();
            for (secret, marker) in &self.0 {
                for (form, text) in forms(marker) {
                    let text = text.to_ascii_lowercase();
                    if let Some(at) = position(&bytes, text.as_bytes()) {
                        let line = line_of(&bytes, at);
                        found.push(format!("{secret} as {form} in {}: {line}", file.display()));
                    }
                }
            }
        }
        found
    }
}

fn forms(marker: &str) -> Vec<(&'static str, String)> {
    let bytes = marker.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let decimals: Vec<String> = bytes.iter().map(u8::to_string).collect();
    let mut forms =
        vec![("text", marker.to_owned()), ("hex", hex), ("a list of bytes", decimals.join(", "))];
    // Of each alignment, the characters that depend on the marker alone.
    for skipped in 0..3 {
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let padded = [&b"\0\0"[..skipped], bytes].concat();
            let whole = &padded[..padded.len() / 3 * 3];
            let encoded = engine.encode(whole);
            forms.push(("base64", encoded[if skipped == 0 { 0 } else { 4 }..].to_owned()));
        }
    }
    forms
}

fn position(bytes: &[u8], text: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, text)
}

fn line_of(bytes: &[u8], at: usize) -> String {
    let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let line = &bytes[start.max(at.saturating_sub(300))..(at + 100).min(bytes.len())];
    String::from_utf8_lossy(line).into_owned()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
