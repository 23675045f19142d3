//! `linkrelay config print`: the settings that a role would have, each with where it came from.
//!
//! The settings are read as the role itself reads them. The output is a file of settings again, with
//! the secrets left out.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use linkrelay_common::config::{self, EffectiveSetting, Parsed, Source, not_writable};
use linkrelay_consumer::ConsumerSettings;
use linkrelay_producer::ProducerSettings;
use serde_json::json;

use crate::exit::Outcome;

/// What is done with settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the settings of a role and where each came from, as a file for --config
    Print(PrintArguments),
}

/// The role, and how to print its settings.
#[derive(Debug, Args)]
pub(crate) struct PrintArguments {
    /// The role
    #[arg(value_enum, default_value_t = Role::Up)]
    role: Role,

    /// Print a JSON array
    #[arg(long)]
    json: bool,

    #[arg(from_global)]
    config: Option<PathBuf>,

    /// Flags with which the role is started
    #[arg(last = true, value_name = "FLAG")]
    flags: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// `linkrelay up`
    Up,
    /// `linkrelay-producer`
    Producer,
    /// `linkrelay-consumer`
    Consumer,
}

/// `Cli` is the command line of this program.
pub(crate) fn run<Cli: Parser>(command: ConfigCommand) -> anyhow::Result<Outcome> {
    let ConfigCommand::Print(arguments) = command;
    let (program, settings) = match arguments.role {
        Role::Up => ("linkrelay up", effective::<Cli>(&["linkrelay", "up"], &arguments)),
        Role::Producer => {
            let program = "linkrelay-producer";
            (program, effective::<ProducerSettings>(&[program], &arguments))
        }
        Role::Consumer => {
            let program = "linkrelay-consumer";
            (program, effective::<ConsumerSettings>(&[program], &arguments))
        }
    };
    // It is an error of usage, as the role itself prints it.
    let settings = settings.unwrap_or_else(|error| error.exit());
    let text = if arguments.json { as_json(&settings)? } else { as_file(program, &settings) };
    io::stdout().write_all(text.as_bytes())?;
    Ok(Outcome::Done)
}

fn effective<T: Parser>(
    program: &[&str],
    arguments: &PrintArguments,
) -> Result<Vec<EffectiveSetting>, clap::Error> {
    let program = program.iter().map(OsString::from);
    let file = arguments.config.iter().flat_map(|file| ["--config".into(), file.clone().into()]);
    let all = program.chain(file).chain(arguments.flags.iter().cloned());
    config::try_parse_from::<T>(all).map(|parsed: Parsed<T>| parsed.effective())
}

fn as_file(program: &str, settings: &[EffectiveSetting]) -> String {
    let mut text = format!("# The settings of {program}.\n");
    for setting in settings {
        text.push('\n');
        text.push_str(&lines(setting));
    }
    text
}

fn lines(setting: &EffectiveSetting) -> String {
    let EffectiveSetting { name, value, is_secret, source } = setting;
    let from = match source {
        Source::Flag => "flag",
        Source::Environment => "environment",
        Source::File(location) => location,
        Source::FileOfSecret { variable, path } => {
            let path = path.to_string_lossy();
            return match not_writable(&path) {
                None => format!("# {name} is a secret, read from this file\n{variable}={path}\n"),
                Some(_) => {
                    format!("# {name} is a secret, read from a file\n#{variable}={path:?}\n")
                }
            };
        }
        Source::Default => "default",
        Source::Unset => "not set",
    };
    match (value, is_secret) {
        (_, true) if !matches!(source, Source::Default | Source::Unset) => {
            format!("# {from}; it is a secret\n#{name}=\n")
        }
        (None, _) | (_, true) => format!("# {from}\n#{name}=\n"),
        (Some(value), false) => match not_writable(value) {
            None => format!("# {from}\n{name}={value}\n"),
            Some(problem) => {
                format!("# {from}; cannot be in such a file: {problem}\n#{name}={value:?}\n")
            }
        },
    }
}

fn as_json(settings: &[EffectiveSetting]) -> serde_json::Result<String> {
    let setting = |setting: &EffectiveSetting| {
        let (source, location) = match &setting.source {
            Source::Flag => ("flag", None),
            Source::Environment => ("environment", None),
            Source::File(location) => ("file", Some(location.clone())),
            Source::FileOfSecret { path, .. } => ("secret_file", Some(path.display().to_string())),
            Source::Default => ("default", None),
            Source::Unset => ("not_set", None),
        };
        json!({
            "name": setting.name, "value": setting.value, "secret": setting.is_secret,
            "source": source, "location": location,
        })
    };
    let all: Vec<serde_json::Value> = settings.iter().map(setting).collect();
    Ok(format!("{}\n", serde_json::to_string_pretty(&all)?))
}
