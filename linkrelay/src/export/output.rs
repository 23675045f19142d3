//! Where the rows go: to stdout, or to a file that has the ending .part until it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use linkrelay_common::SettingsError;

/// Longer than the end of any row with its cursor.
const TAIL_BYTES: u64 = 100;

/// Where complete rows are written.
#[derive(Debug)]
pub(super) enum Output {
    Stdout,
    File { file: File, part: PathBuf, target: PathBuf, has_rows: bool },
}

impl Output {
    /// Opens the output. A new file is begun, unless an older one is continued behind a cursor.
    ///
    /// # Errors
    /// If the file cannot be written, or does not end with the row of that cursor.
    pub(super) fn open(output: &str, after: Option<&str>) -> anyhow::Result<Self> {
        if output == "-" {
            return Ok(Self::Stdout);
        }
        let target = PathBuf::from(output);
        let mut part = target.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut options = OpenOptions::new();
        options.read(true).create(true);
        let options = match after {
            Some(_) => options.append(true),
            None => options.write(true).truncate(true),
        };
        let mut file = options.open(&part).with_context(|| format!("{}", part.display()))?;
        let has_rows = match after {
            Some(after) => check_end(&mut file, &part, after)?,
            None => false,
        };
        Ok(Self::File { file, part, target, has_rows })
    }

    /// Whether there are rows already, and a header.
    pub(super) fn has_rows(&self) -> bool {
        matches!(self, Self::File { has_rows: true, .. })
    }

    /// Writes complete rows.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(super) fn write(&mut self, rows: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Stdout => Ok(io::stdout().write_all(rows)?),
            Self::File { file, part, .. } => {
                file.write_all(rows).with_context(|| format!("{}", part.display()))
            }
        }
    }

    /// Makes sure that the rows are written.
    ///
    /// # Errors
    /// If they cannot be.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Stdout => Ok(io::stdout().flush()?),
            Self::File { file, part, .. } => {
                file.sync_all().with_context(|| format!("{}", part.display()))
            }
        }
    }

    /// Gives the complete file its name.
    ///
    /// # Errors
    /// If it cannot be renamed.
    pub(super) fn complete(&mut self) -> anyhow::Result<()> {
        self.flush()?;
        match self {
            Self::Stdout => Ok(()),
            Self::File { part, target, .. } => {
                let what = || format!("{} cannot be renamed", part.display());
                fs::rename(&*part, target).with_context(what)
            }
        }
    }
}

/// Checks that a file with rows ends with the row of this cursor; returns whether it has any.
fn check_end(file: &mut File, path: &Path, after: &str) -> anyhow::Result<bool> {
    let bytes = file.metadata()?.len();
    file.seek(SeekFrom::Start(bytes.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let ends = [format!(",{after}\r\n"), format!("\"cursor\":\"{after}\"}}\n")];
    if tail.is_empty() || ends.iter().any(|end| tail.ends_with(end.as_bytes())) {
        return Ok(!tail.is_empty());
    }
    let problem = format!(
        "is not the cursor of the last row in {}; remove that file to begin a new one",
        path.display()
    );
    Err(SettingsError::new("--after", problem).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_continued_only_behind_its_last_row() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("videos.csv");
        let output = path.to_str().unwrap();
        let part = folder.path().join("videos.csv.part");
        for (text, after, is_continued) in [
            ("", "7", Some(false)),
            ("title,cursor\r\nx,7\r\n", "7", Some(true)),
            ("{\"cursor\":\"7\"}\n", "7", Some(true)),
            ("title,cursor\r\nx,17\r\n", "7", None),
            ("title,cursor\r\nx,7\r\ny", "7", None),
            ("{\"cursor\":\"7\"}\n", "6", None),
        ] {
            fs::write(&part, text).unwrap();
            let opened = Output::open(output, Some(after));
            assert_eq!(opened.as_ref().ok().map(Output::has_rows), is_continued, "{text:?}");
            if let Ok(mut opened) = opened {
                opened.write(b"more\n").unwrap();
                opened.complete().unwrap();
                assert_eq!(fs::read_to_string(&path).unwrap(), format!("{text}more\n"));
            } else {
                assert_eq!(fs::read_to_string(&part).unwrap(), text);
            }
        }
        let mut fresh = Output::open(output, None).unwrap();
        fresh.write(b"new\n").unwrap();
        fresh.complete().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        assert!(!part.exists());
    }
}
