//! `linkrelay dlq`: lists and replays dead letters, the links that were given up.
//!
//! In reading order: [`letter`] is one dead letter, [`filter`] chooses some, [`reader`] reads
//! all of them, from their topic ([`topic_reader`]) or the embedded mode's file; [`list`] prints
//! them in a [`form`] of safe [`text`]. [`replay`] publishes them again: it reads them twice, once
//! for the [`newest`] of each document, and once for [`pages`] of those, which [`check`] compares
//! with the store and with the replays [`in_flight`], and [`publish`] sends; [`tally`] counts.
//!
//! The topic of dead letters is never changed: replayed ones remain in it, and are complete once
//! their documents are stored.

mod check;
mod filter;
mod form;
mod in_flight;
mod letter;
mod list;
mod newest;
mod pages;
mod publish;
mod reader;
mod replay;
mod survey;
mod tally;
mod text;
mod topic_reader;

pub(crate) use publish::Publisher;

use clap::Subcommand;

use crate::exit::Outcome;

/// The commands for dead letters.
#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// Show the links that were given up, and why
    List(Box<list::ListArguments>),
    /// Publish links that were given up again; safe to interrupt and to run twice
    Replay(Box<replay::ReplayArguments>),
}

pub(crate) async fn run(command: DlqCommand) -> anyhow::Result<Outcome> {
    match command {
        DlqCommand::List(arguments) => list::run(*arguments).await,
        DlqCommand::Replay(arguments) => replay::run(*arguments).await,
    }
}
