//! The links of a command, from its arguments, a file, or standard input.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use linkrelay_common::link::split;

/// Links on the command line, in a file, or both.
#[derive(Debug, Args)]
pub(crate) struct LinkArguments {
    /// Links to videos
    #[arg(value_name = "LINK", required_unless_present = "file")]
    links: Vec<String>,

    /// A file with links on its lines (`-`: standard input); empty lines and lines that begin with # are ignored
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl LinkArguments {
    /// Returns all links in order: those in each argument and in each line. Blocks while the file is
    /// read.
    pub(crate) fn read(self) -> anyhow::Result<Vec<String>> {
        let mut links: Vec<String> = self.links.iter().flat_map(|text| split(text)).collect();
        if let Some(file) = &self.file {
            links.extend(links_of_lines(&read_text(file)?));
        }
        anyhow::ensure!(!links.is_empty(), "there are no links");
        Ok(links)
    }
}

fn links_of_lines(text: &str) -> Vec<String> {
    let is_link = |line: &&str| !line.is_empty() && !line.starts_with('#');
    text.lines().map(str::trim).filter(is_link).flat_map(split).collect()
}

fn read_text(file: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes)
    } else {
        let opened = std::fs::File::open(file);
        let mut opened = opened.with_context(|| format!("cannot open {}", file.display()))?;
        opened.read_to_end(&mut bytes)
    };
    read.with_context(|| format!("cannot read {}", file.display()))?;
    let (text, encoding) =
        decode(&bytes).with_context(|| format!("cannot read {}", file.display()))?;
    if let Some(encoding) = encoding {
        eprintln!("{} is {encoding}, and is read as that", file.display());
    }
    Ok(text)
}

/// Reads UTF-8, or what a byte order mark says, and names an encoding that is not UTF-8.
fn decode(bytes: &[u8]) -> anyhow::Result<(String, Option<&'static str>)> {
    const HINT: &str = "save the file as UTF-8";
    let utf_16 = |bytes: &[u8], of_bytes: fn([u8; 2]) -> u16| {
        let units = bytes.chunks(2).map(|pair| <[u8; 2]>::try_from(pair).map(of_bytes));
        let units: Vec<u16> =
            units.collect::<Result<_, _>>().context("it ends inside a character")?;
        String::from_utf16(&units).with_context(|| format!("it is not UTF-16 throughout; {HINT}"))
    };
    Ok(match bytes {
        [0xff, 0xfe, rest @ ..] => (utf_16(rest, u16::from_le_bytes)?, Some("UTF-16")),
        [0xfe, 0xff, rest @ ..] => (utf_16(rest, u16::from_be_bytes)?, Some("UTF-16")),
        _ => {
            let rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            let text = std::str::from_utf8(rest);
            let text = text
                .with_context(|| format!("it is not UTF-8, and has no mark of UTF-16; {HINT}"))?;
            (text.to_owned(), None)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str =
        "# two of them\r\nhttps://youtu.be/5fR9AHlSDtc\r\n\r\n a song: youtu.be/dQw4w9WgXcQ";

    fn links(bytes: &[u8]) -> anyhow::Result<Vec<String>> {
        decode(bytes).map(|(text, _)| links_of_lines(&text))
    }

    #[test]
    fn a_file_is_read_in_whatever_unicode_it_is() {
        let with_mark = format!("\u{feff}{LINES}");
        let utf_16: Vec<u16> = with_mark.encode_utf16().collect();
        let bytes = |of: fn(u16) -> [u8; 2]| utf_16.iter().flat_map(|unit| of(*unit)).collect();
        let files: [Vec<u8>; 4] =
            [LINES.into(), with_mark.into(), bytes(u16::to_le_bytes), bytes(u16::to_be_bytes)];
        for file in files {
            let wanted = ["https://youtu.be/5fR9AHlSDtc", "youtu.be/dQw4w9WgXcQ"];
            assert_eq!(links(&file).unwrap(), wanted);
        }
    }

    #[test]
    fn a_file_of_another_encoding_is_refused_with_what_to_do() {
        for bytes in [b"caf\xe9".as_slice(), b"\xff\xfe\x00\xd8\x00\x00"] {
            let error = format!("{:#}", links(bytes).unwrap_err());
            assert!(error.contains("save the file as UTF-8"), "{error}");
        }
        assert!(links(b"\xff\xfe\x00").is_err());
    }
}
