//! The command line; each command is a module.

use anyhow::Context;
use clap::{Parser, Subcommand};
use linkrelay_common::config;
use linkrelay_common::version::version;
use linkrelay_telemetry::LogSettings;

use crate::exit::Outcome;
use crate::{
    check, completions, config_print, dlq, export, extract, health, keys, lag, man, migrate,
    rebuild, refresh, search, status, store_file, submit, topics, up,
};

/// Takes YouTube links, and makes documents of video metadata of them: nothing lost, nothing doubled.
#[derive(Debug, Parser)]
#[command(name = "linkrelay", version = version(), propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    log: LogSettings,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in one process: the HTTP API, and consumers
    #[command(name = "up")]
    Up(Box<up::UpSettings>),
    /// Submit links to a running linkrelay
    Submit(submit::SubmitArguments),
    /// Show the outcome of a request
    Status(status::StatusArguments),
    /// Show the stored videos that a search finds
    Search(Box<search::SearchArguments>),
    /// Save the videos, as JSON lines or CSV
    Export(Box<export::ExportArguments>),
    /// Submit stored videos again whose metadata is old
    Refresh(Box<refresh::RefreshArguments>),
    /// Make the rows of videos from the documents in the store
    RebuildVideos(Box<rebuild::RebuildArguments>),
    /// Copy the SQLite file of `up` to one file, also while `up` runs
    Backup(store_file::backup::BackupArguments),
    /// Put a backup into the folder of `up`, which must not run
    Restore(store_file::restore::RestoreArguments),
    /// Move what is in the folder of `up` to MongoDB and Kafka; safe to interrupt and to run twice
    Migrate(Box<migrate::MigrateArguments>),
    /// Find the metadata of links without Kafka or a store; prints one JSON object per line
    Extract(extract::ExtractArguments),
    /// Make or describe the topics
    #[command(subcommand)]
    Topics(topics::TopicsCommand),
    /// Show how far the consumers are behind, partition by partition
    Lag(lag::LagArguments),
    /// Show dead letters, or publish them again
    #[command(subcommand)]
    Dlq(dlq::DlqCommand),
    /// Check whether every configured part can be reached; takes the settings of `up`
    Check(Box<check::CheckArguments>),
    /// Show the settings in effect
    #[command(subcommand)]
    Config(config_print::ConfigCommand),
    /// Ask a running role whether it is alive, or ready; for the health check of a container
    Health(health::HealthArguments),
    /// Make, list and revoke the API keys of servers
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Print the completions of a shell
    Completions(completions::CompletionsArguments),
    /// Write a man page for each command
    Man(man::ManArguments),
}

pub(crate) async fn run(cli: Cli) -> anyhow::Result<Outcome> {
    cli.log.start().context("logging cannot start")?;
    match cli.command {
        Command::Up(settings) => up::run(*settings, cli.log).await,
        Command::Submit(arguments) => submit::run(arguments).await,
        Command::Status(arguments) => status::run(arguments).await,
        Command::Search(arguments) => search::run(*arguments).await,
        Command::Export(arguments) => export::run(*arguments).await,
        Command::Refresh(arguments) => refresh::run(*arguments).await,
        Command::RebuildVideos(arguments) => rebuild::run(*arguments).await,
        Command::Backup(arguments) => store_file::backup::run(arguments).await,
        Command::Restore(arguments) => store_file::restore::run(arguments).await,
        Command::Migrate(arguments) => migrate::run(*arguments).await,
        Command::Extract(arguments) => extract::run(arguments).await,
        Command::Topics(command) => topics::run(command).await,
        Command::Lag(arguments) => lag::run(arguments).await,
        Command::Dlq(command) => dlq::run(command).await,
        Command::Check(arguments) => check::run(*arguments).await,
        Command::Config(command) => config_print::run::<Cli>(command),
        Command::Health(arguments) => health::run(arguments).await,
        Command::Keys(command) => keys::run(command),
        Command::Completions(arguments) => completions::run(&arguments, config::command::<Cli>()),
        Command::Man(arguments) => man::run(&arguments, config::command::<Cli>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_valid() {
        config::command::<Cli>().debug_assert();
    }
}
