//! `linkrelay keys`: makes, lists and revokes API keys in the file that servers read.

use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use linkrelay_http::keys::{KeyEntry, KeyFile, KeyFileError, KeyText, Scope, Scopes};

use crate::exit::Outcome;

/// What to do with the file of keys. Servers notice a change within two seconds.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key; prints it once, since the file has only its hash
    Add(AddArguments),
    /// List the keys: id, scopes, name
    List(FileArguments),
    /// Remove a key, which then lets nobody in
    Revoke(RevokeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct FileArguments {
    /// The file of keys; `add` makes it
    #[arg(long, env = "LINKRELAY_API_KEYS_FILE", value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    #[command(flatten)]
    file: FileArguments,

    /// Who will have the key; logs and metrics show it
    #[arg(long)]
    name: String,

    /// What the key allows: submit, read, admin (replay, retry, delete), with commas between them
    #[arg(long, default_value = "submit,read")]
    scopes: Scopes,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArguments {
    #[command(flatten)]
    file: FileArguments,

    /// The id of the key: what is between `lr_` and the next `_`
    id: String,
}

pub(crate) fn run(command: KeysCommand) -> anyhow::Result<Outcome> {
    match command {
        KeysCommand::Add(arguments) => add(&arguments),
        KeysCommand::List(arguments) => list(&arguments),
        KeysCommand::Revoke(arguments) => revoke(&arguments),
    }
}

fn add(arguments: &AddArguments) -> anyhow::Result<Outcome> {
    let path = &arguments.file.file;
    let mut keys = match KeyFile::read(path) {
        Err(KeyFileError::Io(error)) if error.kind() == ErrorKind::NotFound => KeyFile::default(),
        read => read.with_context(|| path.display().to_string())?,
    };
    let key = KeyText::generate();
    let entry = KeyEntry::new(&key, arguments.scopes.clone(), &arguments.name);
    keys.entries.push(entry.map_err(anyhow::Error::msg).context("--name")?);
    write(&keys, path)?;
    writeln!(io::stdout(), "{}", key.expose())?;
    eprintln!("This key is shown only once. {} has its hash.", path.display());
    Ok(Outcome::Done)
}

fn list(arguments: &FileArguments) -> anyhow::Result<Outcome> {
    let path = &arguments.file;
    let keys = KeyFile::read(path).with_context(|| path.display().to_string())?;
    let mut out = io::stdout().lock();
    for KeyEntry { id, scopes, name, .. } in &keys.entries {
        let width = Scope::ALL.map(Scope::as_str).join(",").len();
        writeln!(out, "{id}  {:width$}  {name}", scopes.to_string())?;
    }
    Ok(Outcome::Done)
}

fn revoke(arguments: &RevokeArguments) -> anyhow::Result<Outcome> {
    let path = &arguments.file.file;
    let mut keys = KeyFile::read(path).with_context(|| path.display().to_string())?;
    let Some(entry) = keys.remove(&arguments.id) else {
        bail!("{} has no key with the id {}", path.display(), arguments.id);
    };
    write(&keys, path)?;
    eprintln!("The key {} of {} is revoked.", entry.id, entry.name);
    Ok(Outcome::Done)
}

fn write(keys: &KeyFile, path: &Path) -> anyhow::Result<()> {
    keys.write(path).with_context(|| format!("{} cannot be written", path.display()))
}
