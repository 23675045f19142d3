//! `linkrelay keys`: makes, lists and revokes API keys in the file that servers read.

use std::io::{self, Write as _};

use anyhow::{Context, bail};
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use linkrelay_http::keys::{
    KeyEntry, KeyFile, KeyPath, KeyText, Scope, Scopes, add_key, revoke_key,
};

use crate::exit::Outcome;

/// What to do with the file of keys. Servers notice a change within two seconds.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key; prints it once, since the file has only its hash
    Add(AddArguments),
    /// List the keys: id, scopes, name
    List(FileArguments),
    /// Remove a key, which servers then refuse
    Revoke(RevokeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct FileArguments {
    /// The file of keys; `add` makes it
    #[arg(
        long,
        env = "LINKRELAY_API_KEYS_FILE",
        value_name = "FILE",
        // A key may be given there by mistake.
        hide_env_values = true,
        value_parser = OsStringValueParser::new().map(KeyPath::from)
    )]
    file: KeyPath,
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
    if path.is_key() {
        bail!("--file (LINKRELAY_API_KEYS_FILE) is a key: it must be the path of the file of keys");
    }
    let key = KeyText::generate();
    let entry = KeyEntry::new(&key, arguments.scopes, &arguments.name);
    let entry = entry.map_err(anyhow::Error::msg).context("--name")?;
    add_key(path.as_path(), &entry).with_context(|| path.to_string())?;
    writeln!(io::stdout(), "{}", key.expose())?;
    eprintln!("This key is shown only once. The file of keys has its hash.");
    Ok(Outcome::Done)
}

fn list(arguments: &FileArguments) -> anyhow::Result<Outcome> {
    let path = &arguments.file;
    let keys = KeyFile::read(path.as_path()).with_context(|| path.to_string())?;
    let mut out = io::stdout().lock();
    for KeyEntry { id, scopes, name, .. } in &keys.entries {
        let width = Scope::ALL.map(Scope::as_str).join(",").len();
        writeln!(out, "{id}  {:width$}  {name}", scopes.to_string())?;
    }
    Ok(Outcome::Done)
}

fn revoke(arguments: &RevokeArguments) -> anyhow::Result<Outcome> {
    let path = &arguments.file.file;
    let revoked = revoke_key(path.as_path(), &arguments.id).with_context(|| path.to_string())?;
    let Some(entry) = revoked else {
        bail!("{path} has no key with the id {}", arguments.id);
    };
    eprintln!("The key {} of {} is revoked.", entry.id, entry.name);
    if KeyFile::read(path.as_path()).is_ok_and(|keys| keys.entries.is_empty()) {
        eprintln!(
            "Warning: that was the last key of {path}. Servers that run refuse every client; a \
             producer does not start with this file, and a consumer serves no POST /links. \
             `linkrelay keys add` makes a key."
        );
    }
    Ok(Outcome::Done)
}
