//! `linkrelay dlq`: the links that were given up, and another chance for them.
//!
//! In reading order: [`letter`] is one dead letter, [`filter`] says which are meant, [`reader`]
//! reads them all, from their topic ([`topic_reader`]) or the embedded mode's file; [`list`] shows
//! them in a [`form`] of safe [`text`]. [`replay`] publishes them again: it reads them twice, once
//! for the [`newest`] of each document, and once for [`pages`] of those, which [`check`] compares
//! with the store and with what is [`under_way`], and [`publish`] sends; [`tally`] counts.
//!
//! The topic of dead letters is never changed: what was replayed stays in it, and a document
//! that is stored is what says that it is done.

mod check;
mod filter;
mod form;
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
mod under_way;

pub(crate) use publish::Publisher;

use clap::Subcommand;

use crate::exit::Outcome;

/// What to do with the dead letters.
#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// Show the links that were given up, and why
    List(Box<list::ListArguments>),
    /// Publish links that were given up once more; safe to interrupt and to run twice
    Replay(Box<replay::ReplayArguments>),
}

pub(crate) async fn run(command: DlqCommand) -> anyhow::Result<Outcome> {
    match command {
        DlqCommand::List(arguments) => list::run(*arguments).await,
        DlqCommand::Replay(arguments) => replay::run(*arguments).await,
    }
}
