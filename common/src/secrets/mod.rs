//! Secrets from files: every secret setting `NAME` can be read from the file that `NAME_FILE`
//! names, as Docker and Kubernetes mount secrets.
//!
//! A setting is a secret if its argument has `hide_env_values = true`; its type is
//! `secrecy::SecretString` or another one whose Debug shows nothing, its parser never repeats the
//! value, and it is not required. [`parse`] then adds the argument of the file. A secret whose file
//! is an argument of its own (`KAFKA_CONFIG_FILE`, in a format of its own) is left alone. A setting
//! that is a URL and no secret is read with [`UrlWithoutPassword`].
//!
//! It must not know: which settings there are.

mod read;
mod url;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, Parser, value_parser};

pub use self::url::UrlWithoutPassword;

const SUFFIX: &str = "_FILE";

/// Reads the settings from the arguments, the environment and the files of secrets; like
/// [`Parser::parse`], it prints an error and ends the process.
pub fn parse<T: Parser>() -> T {
    try_parse_from(std::env::args_os()).unwrap_or_else(|error| error.exit())
}

/// Reads the settings from these arguments, the environment and the files of secrets.
///
/// # Errors
/// If an argument or a file is wrong; the error names the variable and the file, and shows no
/// secret.
pub fn try_parse_from<T: Parser>(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<T, clap::Error> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let mut command = with_files(T::command());
    let matches = command.clone().try_get_matches_from(&arguments)?;
    // Parsed again rather than put into the environment, which other threads may be reading.
    let matches = match filled(&command, &matches)? {
        Some(filled) => filled.try_get_matches_from(&arguments)?,
        None => matches,
    };
    T::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Adds the argument of the file to each secret of the command and its subcommands.
pub fn with_files(command: Command) -> Command {
    let has_no_file = |secret: &Secret| {
        let file = secret.file_variable();
        !command.get_arguments().any(|argument| argument.get_env() == Some(OsStr::new(&file)))
    };
    let files: Vec<Arg> =
        secrets(&command).filter(has_no_file).map(|secret| secret.file_argument()).collect();
    let mut position = 0;
    let in_order = command.mut_args(|argument| {
        position += 1;
        argument.display_order(position)
    });
    in_order.args(files).mut_subcommands(with_files)
}

/// A secret setting.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Secret {
    id: String,
    long: String,
    variable: String,
    /// Where its argument is in the help.
    position: usize,
}

impl Secret {
    fn of(argument: &Arg, position: usize) -> Option<Self> {
        let variable = argument.get_env().filter(|_| argument.is_hide_env_values_set())?;
        let variable = variable.to_str().filter(|name| !name.ends_with(SUFFIX))?.to_owned();
        let long = argument.get_long()?.to_owned();
        Some(Self { id: argument.get_id().to_string(), long, variable, position })
    }

    fn file_variable(&self) -> String {
        format!("{}{SUFFIX}", self.variable)
    }

    fn file_id(&self) -> String {
        format!("{}@file", self.id)
    }

    fn file_argument(&self) -> Arg {
        Arg::new(self.file_id())
            .long(format!("{}-file", self.long))
            .env(self.file_variable())
            // A secret may be given there by mistake.
            .hide_env_values(true)
            .value_name("FILE")
            .value_parser(value_parser!(OsString))
            .display_order(self.position)
            .help(format!("A file that contains {} instead (a mounted secret)", self.variable))
    }

    /// Returns what its file contains, if a file is given.
    fn file_contents(&self, matches: &ArgMatches) -> Result<Option<String>, String> {
        let file = self.file_id();
        // Compose files and shells unset a variable by setting it to nothing.
        let path = matches.get_one::<OsString>(&file).filter(|path| !path.is_empty());
        let Some(path) = path else { return Ok(None) };
        if is_given(matches, &self.id) {
            let (value, file) = (&self.variable, self.file_variable());
            return Err(format!("{value} and {file} are both given: give one of them"));
        }
        read::secret(Path::new(path))
            .map(Some)
            .map_err(|problem| format!("{}: {problem}", self.file_variable()))
    }
}

fn secrets(command: &Command) -> impl Iterator<Item = Secret> {
    let arguments = command.get_arguments().zip(1..);
    arguments.filter_map(|(argument, position)| Secret::of(argument, position))
}

fn is_given(matches: &ArgMatches, id: &str) -> bool {
    match matches.value_source(id) {
        Some(ValueSource::CommandLine) => true,
        Some(ValueSource::EnvVariable) => {
            matches.get_raw(id).is_some_and(|mut values| values.any(|value| !value.is_empty()))
        }
        _ => false,
    }
}

/// Returns the command with each secret that has a file as the default of its argument, along the
/// chosen subcommands; `None` if no secret has one. `command` is one of [`with_files`].
fn filled(command: &Command, matches: &ArgMatches) -> Result<Option<Command>, clap::Error> {
    let mut filled_command = None;
    let has_file = |secret: &Secret| {
        command.get_arguments().any(|argument| argument.get_id() == secret.file_id().as_str())
    };
    for secret in secrets(command).filter(has_file) {
        let contents = secret.file_contents(matches).map_err(|problem| wrong(command, &problem))?;
        let Some(contents) = contents else { continue };
        let target = filled_command.take().unwrap_or_else(|| command.clone());
        filled_command = Some(target.mut_arg(secret.id, |argument| {
            argument.env(Resettable::Reset).default_value(contents).hide_default_value(true)
        }));
    }
    if let Some((name, inner)) = matches.subcommand()
        && let Some(subcommand) = command.find_subcommand(name)
        && let Some(filled_subcommand) = filled(subcommand, inner)?
    {
        let target = filled_command.unwrap_or_else(|| command.clone());
        filled_command = Some(target.mut_subcommand(name, |_| filled_subcommand));
    }
    Ok(filled_command)
}

fn wrong(command: &Command, problem: &str) -> clap::Error {
    clap::Error::raw(ErrorKind::ValueValidation, format!("{problem}\n")).with_cmd(command)
}

#[cfg(test)]
mod tests;
