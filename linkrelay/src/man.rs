//! `linkrelay man`: a man page for the command, and for each of its commands.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Command};

use crate::exit::Outcome;

/// Where to write.
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// The folder for the pages, which is made if it does not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &ManArguments, command: Command) -> anyhow::Result<Outcome> {
    let out = &arguments.out;
    let written =
        std::fs::create_dir_all(out).and_then(|()| clap_mangen::generate_to(command, out));
    written.with_context(|| format!("cannot write to {}", out.display()))?;
    Ok(Outcome::Done)
}
