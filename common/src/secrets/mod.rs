//! Secrets from files: every secret setting `NAME` can be read from the file that `NAME_FILE`
//! names, as Docker and Kubernetes mount secrets.
//!
//! A setting is a secret if its argument has `hide_env_values = true`; its type is
//! `secrecy::SecretString` or another one whose Debug shows nothing, its parser never repeats the
//! value, and it is not required. [`with_files`] then adds the argument of the file. A secret whose file
//! is an argument of its own (`KAFKA_CONFIG_FILE`, in a format of its own) is left alone. A setting
//! that is a URL and no secret is read with [`UrlWithoutPassword`].
//!
//! It must not know: which settings there are.

mod read;
mod url;

use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, value_parser};

pub use self::url::UrlWithoutPassword;

const SUFFIX: &str = "_FILE";
const FILE_ID: &str = "@file";

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
        format!("{}{FILE_ID}", self.id)
    }

    /// Returns whether [`with_files`] added the argument of its file.
    fn has_file_in(&self, command: &Command) -> bool {
        command.get_arguments().any(|argument| argument.get_id() == self.file_id().as_str())
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
        let Some(path) = self.file_given(matches)? else { return Ok(None) };
        read::secret(Path::new(path))
            .map(Some)
            .map_err(|problem| format!("{}: {problem}", self.file_variable()))
    }

    /// Returns the path of its file, unless the secret itself is given in a way that comes first.
    fn file_given<'a>(&self, matches: &'a ArgMatches) -> Result<Option<&'a OsString>, String> {
        let file = self.file_id();
        // Compose files and shells unset a variable by setting it to nothing.
        let path = matches.get_one::<OsString>(&file).filter(|path| !path.is_empty());
        let rank = |id: &str| given(matches, id);
        match (path, rank(&self.id).cmp(&rank(&file))) {
            (None, _) | (_, Ordering::Greater) => Ok(None),
            (path, Ordering::Less) => Ok(path),
            (_, Ordering::Equal) => {
                let (value, file) = (&self.variable, self.file_variable());
                Err(format!("{value} and {file} are both given: give one of them"))
            }
        }
    }
}

/// The file that a secret is read from.
#[derive(Debug)]
pub(crate) struct FileOfSecret {
    pub(crate) variable: String,
    pub(crate) path: PathBuf,
}

/// Returns the file that the value of this argument of the command is read from.
pub(crate) fn file_in_use(
    command: &Command,
    argument: &Arg,
    matches: &ArgMatches,
) -> Option<FileOfSecret> {
    let secret = Secret::of(argument, 0).filter(|secret| secret.has_file_in(command))?;
    let path = secret.file_given(matches).ok().flatten()?;
    Some(FileOfSecret { variable: secret.file_variable(), path: path.into() })
}

/// Returns whether the argument is one that [`with_files`] added.
pub(crate) fn is_file_of_secret(argument: &Arg) -> bool {
    argument.get_id().as_str().ends_with(FILE_ID)
}

fn secrets(command: &Command) -> impl Iterator<Item = Secret> {
    let arguments = command.get_arguments().zip(1..);
    arguments.filter_map(|(argument, position)| Secret::of(argument, position))
}

/// How a value is given, the one that comes first last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Given {
    Nowhere,
    /// By the file of settings; a secret has no default that is not empty.
    ConfigFile,
    /// By a flag or the environment. Which of the two comes first is not obvious to an operator who
    /// replaces a password, so a secret and its file are not given by both.
    Directly,
}

fn given(matches: &ArgMatches, id: &str) -> Given {
    let is_empty =
        || matches.get_raw(id).is_none_or(|mut values| values.all(|value| value.is_empty()));
    match matches.value_source(id) {
        Some(ValueSource::CommandLine) => Given::Directly,
        Some(_) if is_empty() => Given::Nowhere,
        Some(ValueSource::EnvVariable) => Given::Directly,
        Some(_) => Given::ConfigFile,
        None => Given::Nowhere,
    }
}

/// Returns the command with each secret that has a file as the default of its argument, along the
/// chosen subcommands; `None` if no secret has one. `command` is one of [`with_files`].
pub(crate) fn filled(
    command: &Command,
    matches: &ArgMatches,
) -> Result<Option<Command>, clap::Error> {
    let mut filled_command = None;
    for secret in secrets(command).filter(|secret| secret.has_file_in(command)) {
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
