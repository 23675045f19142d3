//! The format of a file of settings: only what systemd's `EnvironmentFile=`, `docker --env-file` and
//! linkrelay read in the same way. Every other line is refused, with its number.
//!
//! Docker takes a value as it is, quotes and spaces included. systemd takes quotes away, reads `\`
//! as an escape, also at the end of a comment, removes spaces around a value, and takes lines that
//! begin with `;` for comments. Of a name that is given twice, one takes the first value and the
//! other the last.
//!
//! No problem that is reported shows a value, which may be a secret.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Docker takes no longer line.
const MAX_BYTES: u64 = 64 * 1024;
/// From this similarity on, a name is taken for a misspelled one.
const IS_SIMILAR: f64 = 0.8;

/// A file of settings.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
}

/// A setting in the file.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) line: usize,
    pub(super) value: String,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("line", &self.line).finish_non_exhaustive()
    }
}

impl ConfigFile {
    /// Reads a file of settings.
    ///
    /// # Errors
    /// What is wrong with the file, or each line that is wrong.
    pub fn read(path: &Path) -> Result<Self, Vec<String>> {
        let text = text(path).map_err(|problem| vec![problem])?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Vec<String>> {
        let mut file = Self { path: path.to_owned(), entries: BTreeMap::new() };
        let mut problems = Vec::new();
        for (line, text) in (1..).zip(text.split('\n')) {
            let problem = match setting(text.strip_suffix('\r').unwrap_or(text)) {
                Ok(None) => continue,
                Ok(Some((name, value))) => file.add(line, name, value),
                Err(problem) => Err(problem),
            };
            if let Err(problem) = problem {
                problems.push(format!("{}:{line}: {problem}", path.display()));
            }
        }
        if problems.is_empty() { Ok(file) } else { Err(problems) }
    }

    fn add(&mut self, line: usize, name: &str, value: &str) -> Result<(), String> {
        if let Some(first) = self.entries.get(name) {
            return Err(format!("{name} is already set in line {}", first.line));
        }
        self.entries.insert(name.to_owned(), Entry { line, value: value.to_owned() });
        Ok(())
    }

    /// Returns the names and values.
    pub fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry.value.as_str()))
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Returns the file and the line of an entry.
    pub(super) fn location(&self, entry: &Entry) -> String {
        format!("{}:{}", self.path.display(), entry.line)
    }

    /// Returns a problem for each name that is not one of `known`, by line.
    pub(super) fn unknown(&self, known: &[String]) -> Vec<String> {
        let unknown = self.entries.iter().filter(|(name, _)| !known.contains(name));
        let mut unknown: Vec<_> = unknown.collect();
        unknown.sort_by_key(|(_, entry)| entry.line);
        let problem = |(name, entry): (&String, &Entry)| {
            let nearest = match nearest(name, known) {
                Some(nearest) => format!("; did you mean {nearest}?"),
                None => String::new(),
            };
            format!("{}: linkrelay has no setting {name}{nearest}", self.location(entry))
        };
        unknown.into_iter().map(problem).collect()
    }
}

fn text(path: &Path) -> Result<String, String> {
    let problem = |problem: &str| format!("--config: the file {} {problem}", path.display());
    let mut bytes = Vec::new();
    // Not by the file's size: it may be a pipe of the shell.
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| problem(&format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(problem(&format!("is larger than {} KiB", MAX_BYTES / 1024)));
    }
    String::from_utf8(bytes).map_err(|_| problem("is not UTF-8"))
}

/// Reads a line: `None` for an empty one and for a comment.
fn setting(line: &str) -> Result<Option<(&str, &str)>, String> {
    let line = line.trim_start_matches([' ', '\t']);
    if line.starts_with('#') {
        let is_continued = line.ends_with('\\');
        return if is_continued { Err(CONTINUED_COMMENT.into()) } else { Ok(None) };
    }
    if line.is_empty() {
        return Ok(None);
    }
    if line.starts_with(';') {
        return Err("a comment begins with #; docker does not know ;".into());
    }
    let Some((name, value)) = line.split_once('=') else {
        return Err("is not NAME=value".into());
    };
    check_name(name)?;
    match not_writable(value) {
        Some(problem) => Err(format!("{name}: {problem}")),
        None => Ok(Some((name, value))),
    }
}

const CONTINUED_COMMENT: &str =
    "systemd takes the next line for a part of this comment, because it ends with \\";

fn check_name(name: &str) -> Result<(), String> {
    if name.starts_with("export ") {
        return Err("begins with `export`, which only a shell knows: write NAME=value".into());
    }
    if name.ends_with([' ', '\t']) {
        return Err("has a space before =".into());
    }
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    // The text is not shown: it may be a line of a value that was meant to have several.
    if is_name { Ok(()) } else { Err("does not begin with the name of a setting".into()) }
}

/// Returns why a value cannot be in a file of settings; `None` if it can be.
pub fn not_writable(value: &str) -> Option<&'static str> {
    if value.starts_with(['"', '\'']) {
        return Some("a value has no quotes around it: docker would take them for a part of it");
    }
    if value.contains('\\') {
        return Some(
            "systemd reads \\ as an escape, docker as it is; put such a value into a file of its \
             own (the setting's name with _FILE), if the setting has one",
        );
    }
    if value.starts_with([' ', '\t']) || value.ends_with([' ', '\t']) {
        return Some(
            "has a space before or after its value, which docker keeps and systemd removes",
        );
    }
    if value.contains(" #") || value.contains("\t#") {
        return Some("has a comment after its value; a comment needs a line of its own");
    }
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Some("has a control character in its value");
    }
    None
}

fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let upper = name.to_uppercase();
    let similarity = |known: &&String| strsim::jaro_winkler(&upper, known);
    let nearest = known.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(&nearest) >= IS_SIMILAR).then_some(nearest)
}
