//! The value that each setting has in effect, and where it came from.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::file::ConfigFile;
use super::name_of;
use crate::secrets::{self, FileOfSecret};

/// A setting with its value in effect. Its Debug shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveSetting {
    /// The name, as in the environment.
    pub name: String,
    /// The value as text; `None` if the setting has none, or if it is a secret.
    pub value: Option<String>,
    /// Whether the value is a secret, and not shown.
    pub is_secret: bool,
    /// Where the value came from.
    pub source: Source,
}

/// Where the value of a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line.
    Flag,
    /// A variable of the environment.
    Environment,
    /// The file of `--config`: its path and line, as `FILE:LINE`.
    File(String),
    /// The file of a secret: the setting that names it, and its path.
    FileOfSecret {
        /// The setting's name, which ends with `_FILE`.
        variable: String,
        /// The path of the file.
        path: PathBuf,
    },
    /// The default of the program.
    Default,
    /// Nothing sets it, and it has no default.
    Unset,
}

/// Returns the settings of a command and its chosen subcommand.
pub(super) fn settings(
    command: &Command,
    matches: &ArgMatches,
    file: Option<&ConfigFile>,
) -> Vec<EffectiveSetting> {
    let arguments = command.get_arguments().filter(|argument| {
        // They are the source of their secret.
        !secrets::is_file_of_secret(argument)
    });
    let mut settings: Vec<EffectiveSetting> =
        arguments.filter_map(|argument| setting(argument, command, matches, file)).collect();
    if let Some((name, inner)) = matches.subcommand()
        && let Some(subcommand) = command.find_subcommand(name)
    {
        settings.extend(self::settings(subcommand, inner, file));
    }
    settings
}

fn setting(
    argument: &Arg,
    command: &Command,
    matches: &ArgMatches,
    file: Option<&ConfigFile>,
) -> Option<EffectiveSetting> {
    let name = name_of(argument)?;
    let is_secret = argument.is_hide_env_values_set();
    let values = matches.get_raw(argument.get_id().as_str());
    let value =
        values.map(|values| values.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(","));
    let source = match secrets::file_in_use(command, argument, matches) {
        Some(FileOfSecret { variable, path }) => Source::FileOfSecret { variable, path },
        None => source(&name, argument, matches, file),
    };
    let value = value.filter(|_| !is_secret);
    Some(EffectiveSetting { name, value, is_secret, source })
}

fn source(name: &str, argument: &Arg, matches: &ArgMatches, file: Option<&ConfigFile>) -> Source {
    match matches.value_source(argument.get_id().as_str()) {
        Some(ValueSource::CommandLine) => Source::Flag,
        Some(ValueSource::EnvVariable) => Source::Environment,
        Some(_) => match file.and_then(|file| Some(file.location(file.entry(name)?))) {
            Some(location) => Source::File(location),
            None => Source::Default,
        },
        None => Source::Unset,
    }
}
