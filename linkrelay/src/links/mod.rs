//! The links of a command, from its arguments, a file, or standard input.

mod lines;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use linkrelay_common::link::split;

use lines::Lines;

/// Links on the command line, in a file, or both.
#[derive(Debug, Clone, Args)]
pub(crate) struct LinkArguments {
    /// Links to videos
    #[arg(value_name = "LINK", required_unless_present = "file")]
    links: Vec<String>,

    /// A file with links on its lines (`-`: standard input); empty lines and lines that begin with # are ignored
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// All links in order: those in each argument and in each line. An error is the last item.
pub(crate) struct Links {
    lines: Option<LinesOfFile>,
    /// The links of one line, or of the arguments.
    found: std::vec::IntoIter<String>,
}

struct LinesOfFile {
    file: PathBuf,
    lines: Lines<Box<dyn BufRead + Send>>,
}

impl LinkArguments {
    /// Returns all links. Blocks while the file is read.
    pub(crate) fn read(&self) -> anyhow::Result<Vec<String>> {
        let links = self.open()?;
        links.name_encoding();
        let links: Vec<String> = links.collect::<Result<_, _>>()?;
        anyhow::ensure!(!links.is_empty(), "there are no links");
        Ok(links)
    }

    /// Returns the links as they are read, which blocks. The file may be of any size.
    pub(crate) fn open(&self) -> anyhow::Result<Links> {
        let lines = self.file.as_deref().map(LinesOfFile::open).transpose()?;
        let found: Vec<String> = self.links.iter().flat_map(|text| split(text)).collect();
        Ok(Links { lines, found: found.into_iter() })
    }

    /// Returns how many links there are, if that can be found out before they are read: standard
    /// input and pipes can be read only once. Blocks while the file is read.
    pub(crate) fn count(&self) -> anyhow::Result<Option<u64>> {
        let is_stream = |file: &Path| file == Path::new("-") || (file.exists() && !file.is_file());
        if self.file.as_deref().is_some_and(is_stream) {
            return Ok(None);
        }
        self.open()?.try_fold(0, |count, link| link.map(|_| count + 1)).map(Some)
    }
}

impl Links {
    /// Says on stderr if the file is in an encoding that its writer may not have meant.
    pub(crate) fn name_encoding(&self) {
        if let Some(LinesOfFile { file, lines }) = &self.lines
            && lines.is_utf_16()
        {
            eprintln!("{} is UTF-16, and is read as that", file.display());
        }
    }
}

impl Iterator for Links {
    type Item = anyhow::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(link) = self.found.next() {
                return Some(Ok(link));
            }
            match self.lines.as_mut()?.next_line() {
                Ok(Some(line)) => self.found = links_of_line(&line).into_iter(),
                Ok(None) => self.lines = None,
                Err(error) => {
                    self.lines = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl LinesOfFile {
    fn open(file: &Path) -> anyhow::Result<Self> {
        let reader: Box<dyn BufRead + Send> = if file == Path::new("-") {
            Box::new(BufReader::new(std::io::stdin()))
        } else {
            let opened = File::open(file);
            Box::new(BufReader::new(
                opened.with_context(|| format!("cannot open {}", file.display()))?,
            ))
        };
        let lines =
            Lines::new(reader).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Self { file: file.to_owned(), lines })
    }

    fn next_line(&mut self) -> anyhow::Result<Option<String>> {
        self.lines.next_line().with_context(|| format!("cannot read {}", self.file.display()))
    }
}

fn links_of_line(line: &str) -> Vec<String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') { Vec::new() } else { split(line) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const LINES: &str =
        "# two of them\r\nhttps://youtu.be/5fR9AHlSDtc\r\n\r\n a song: youtu.be/dQw4w9WgXcQ";

    fn arguments(bytes: &[u8]) -> (LinkArguments, tempfile::NamedTempFile) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let links = vec!["youtu.be/aaaaaaaaaaa and youtu.be/bbbbbbbbbbb".to_owned()];
        (LinkArguments { links, file: Some(file.path().to_owned()) }, file)
    }

    #[test]
    fn a_file_is_read_in_whatever_unicode_it_is_behind_the_arguments() {
        let with_mark = format!("\u{feff}{LINES}");
        let utf_16: Vec<u16> = with_mark.encode_utf16().collect();
        let bytes = |of: fn(u16) -> [u8; 2]| utf_16.iter().flat_map(|unit| of(*unit)).collect();
        let files: [Vec<u8>; 4] =
            [LINES.into(), with_mark.into(), bytes(u16::to_le_bytes), bytes(u16::to_be_bytes)];
        for bytes in files {
            let (arguments, _file) = arguments(&bytes);
            let wanted = [
                "youtu.be/aaaaaaaaaaa",
                "youtu.be/bbbbbbbbbbb",
                "https://youtu.be/5fR9AHlSDtc",
                "youtu.be/dQw4w9WgXcQ",
            ];
            assert_eq!(arguments.read().unwrap(), wanted);
            assert_eq!(arguments.count().unwrap(), Some(4));
        }
    }

    #[test]
    fn an_error_is_the_last_item_and_names_the_file_and_the_line() {
        let (arguments, file) = arguments(b"youtu.be/ccccccccccc\n\xe9\nyoutu.be/ddddddddddd");
        let items: Vec<_> = arguments.open().unwrap().collect();
        assert_eq!(items.len(), 4);
        let error = format!("{:#}", items[3].as_ref().unwrap_err());
        assert!(error.contains(&file.path().display().to_string()), "{error}");
        assert!(error.contains("line 2"), "{error}");
        assert!(arguments.count().is_err() && arguments.read().is_err());
    }

    #[test]
    fn what_can_be_read_only_once_is_not_counted() {
        for file in ["-", "/dev/null"] {
            let arguments = LinkArguments { links: Vec::new(), file: Some(file.into()) };
            assert_eq!(arguments.count().unwrap(), None, "{file}");
        }
        let missing = LinkArguments { links: Vec::new(), file: Some("/nowhere/links".into()) };
        assert!(missing.count().is_err());
    }
}
