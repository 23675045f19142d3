//! The links of a command, from its arguments, a file, or standard input.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

/// Links on the command line, in a file, or both.
#[derive(Debug, Args)]
pub(crate) struct LinkArguments {
    /// Links to videos
    #[arg(value_name = "LINK", required_unless_present = "file")]
    links: Vec<String>,

    /// A file with a link on each line (`-`: standard input); empty lines and lines that begin with # are ignored
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl LinkArguments {
    /// Returns all links in order. Blocks while the file is read.
    pub(crate) fn read(self) -> anyhow::Result<Vec<String>> {
        let mut links = self.links;
        if let Some(file) = &self.file {
            links.extend(read_file(file)?);
        }
        anyhow::ensure!(!links.is_empty(), "there are no links");
        Ok(links)
    }
}

fn read_file(file: &Path) -> anyhow::Result<Vec<String>> {
    let reader: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(
            std::fs::File::open(file).with_context(|| format!("cannot open {}", file.display()))?,
        )
    };
    let lines = BufReader::new(reader).lines().collect::<Result<Vec<String>, _>>();
    let lines = lines.with_context(|| format!("cannot read {}", file.display()))?;
    let is_link = |line: &&str| !line.is_empty() && !line.starts_with('#');
    Ok(lines.iter().map(|line| line.trim()).filter(is_link).map(str::to_owned).collect())
}
