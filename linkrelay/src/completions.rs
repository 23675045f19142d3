//! `linkrelay completions`: what a shell has to know to complete the command line.

use std::io::Write;

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use crate::exit::Outcome;

/// The shell.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell that reads them
    shell: Shell,
}

pub(crate) fn run(
    arguments: &CompletionsArguments,
    mut command: Command,
) -> anyhow::Result<Outcome> {
    let name = command.get_name().to_owned();
    // Made in memory first, because `generate` panics if its output cannot be written.
    let mut script = Vec::new();
    generate(arguments.shell, &mut command, name, &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(Outcome::Done)
}
