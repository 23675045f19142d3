//! Reads the settings of a process: a flag before the environment, before the file that `--config`
//! names, before the default. Secrets may also be in files of their own ([`crate::secrets`]).
//!
//! The values of the file become the defaults of their arguments in a second parse of the command
//! line. They are never put into the environment, which other threads may be reading.
//!
//! It must not know: what the settings mean.

mod effective;
mod file;
mod names;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Command, Parser, value_parser};

pub use self::effective::{EffectiveSetting, Source};
pub use self::file::{ConfigFile, not_writable};
pub use self::names::SETTING_NAMES;
use crate::secrets;

const CONFIG_ID: &str = "config";

/// Settings, and where each of them came from.
pub struct Parsed<T> {
    /// The settings.
    pub settings: T,
    command: Command,
    matches: ArgMatches,
    file: Option<ConfigFile>,
}

/// Shows only the settings: clap shows secrets.
impl<T: fmt::Debug> fmt::Debug for Parsed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parsed").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<T> Parsed<T> {
    /// Returns the settings of the command and of its chosen subcommand, in the order of the help.
    pub fn effective(&self) -> Vec<EffectiveSetting> {
        effective::settings(&self.command, &self.matches, self.file.as_ref())
    }
}

/// Reads the settings of this process; like [`Parser::parse`], it prints an error and ends the
/// process.
pub fn parse<T: Parser>() -> T {
    try_parse_from(std::env::args_os()).unwrap_or_else(|error| error.exit()).settings
}

/// Reads the settings from these arguments, the environment, the file of `--config` and the files
/// of secrets.
///
/// # Errors
/// If an argument or a file is wrong; the error names the variable, or the file and its line, and
/// shows no secret.
pub fn try_parse_from<T: Parser>(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<Parsed<T>, clap::Error> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let mut command = command::<T>();
    let mut matches = matches_of(&command, &arguments, None)?;
    let file = match matches.get_one::<PathBuf>(CONFIG_ID) {
        Some(path) => Some(read(path, &command)?),
        None => None,
    };
    if let Some(file) = &file {
        command = with_defaults(command, file);
        matches = matches_of(&command, &arguments, Some(file))?;
    }
    let settings = match secrets::filled(&command, &matches)? {
        Some(filled) => {
            let matches = matches_of(&filled, &arguments, file.as_ref())?;
            from_matches(filled, &matches)?
        }
        None => from_matches(command.clone(), &matches)?,
    };
    Ok(Parsed { settings, command, matches, file })
}

/// Returns the command line of `T`, with the argument of the file, and of the file of each secret.
pub fn command<T: Parser>() -> Command {
    secrets::with_files(T::command()).arg(
        Arg::new(CONFIG_ID)
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .global(true)
            .help(
                "A file of settings, a NAME=value on each line, as for docker's --env-file and \
                 systemd's EnvironmentFile=; a flag and the environment come before it",
            ),
    )
}

fn matches_of(
    command: &Command,
    arguments: &[OsString],
    file: Option<&ConfigFile>,
) -> Result<ArgMatches, clap::Error> {
    command.clone().try_get_matches_from(arguments).map_err(|error| match file {
        Some(file) => with_line(error, file, command),
        None => error,
    })
}

fn from_matches<T: Parser>(mut command: Command, matches: &ArgMatches) -> Result<T, clap::Error> {
    T::from_arg_matches(matches).map_err(|error| error.format(&mut command))
}

fn read(path: &Path, command: &Command) -> Result<ConfigFile, clap::Error> {
    let wrong = |problems: Vec<String>| {
        let text = format!("{}\n", problems.join("\n"));
        clap::Error::raw(ErrorKind::ValueValidation, text).with_cmd(command)
    };
    let file = ConfigFile::read(path).map_err(wrong)?;
    let mut known: Vec<String> = SETTING_NAMES.map(str::to_owned).to_vec();
    names_of(command, &mut known);
    match file.unknown(&known) {
        unknown if unknown.is_empty() => Ok(file),
        unknown => Err(wrong(unknown)),
    }
}

fn names_of(command: &Command, names: &mut Vec<String>) {
    names.extend(command.get_arguments().filter_map(name_of));
    command.get_subcommands().for_each(|subcommand| names_of(subcommand, names));
}

fn name_of(argument: &Arg) -> Option<String> {
    Some(argument.get_env()?.to_str()?.to_owned())
}

/// Makes the values of the file the defaults of the command and all its subcommands.
fn with_defaults(command: Command, file: &ConfigFile) -> Command {
    let with_default = |argument: Arg| {
        let entry = name_of(&argument).and_then(|name| file.entry(&name));
        match entry {
            Some(entry) => argument.default_value(entry.value.clone()).hide_default_value(true),
            None => argument,
        }
    };
    command.mut_args(with_default).mut_subcommands(|subcommand| with_defaults(subcommand, file))
}

/// Adds the line of the file to an error about a value that came from there.
fn with_line(mut error: clap::Error, file: &ConfigFile, command: &Command) -> clap::Error {
    let Some(ContextValue::String(shown)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let long = shown.strip_prefix("--").and_then(|rest| rest.split([' ', '=', '[']).next());
    let Some(name) = long.and_then(|long| variable_of(command, long)) else { return error };
    // A value of the environment is refused in the first parse, without the file.
    let Some(entry) = file.entry(&name) else { return error };
    let tip = format!("the value is in {}", file.location(entry));
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    error
}

fn variable_of(command: &Command, long: &str) -> Option<String> {
    let own = command.get_arguments().find(|argument| argument.get_long() == Some(long));
    let of_subcommand = || command.get_subcommands().find_map(|inner| variable_of(inner, long));
    own.and_then(name_of).or_else(of_subcommand)
}

#[cfg(test)]
mod tests;
