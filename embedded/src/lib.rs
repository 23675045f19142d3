//! The mode in which linkrelay is one process and needs no broker: it has a broker inside the
//! process, and a journal, because that broker loses its data on exit.
//!
//! In reading order: [`Embedded`] is the mode as one object, for the program that runs the roles.
//! `broker` is the broker. [`journal`] is the interface of a journal, and `file_journal` keeps one
//! in the SQLite file. For the producer, `accept` journals links before it publishes them, and
//! `republish` publishes what the broker does not have. For the consumer, `append` replaces the
//! entry of a list by those of its videos, and `letters` keeps dead letters. `store` removes a link
//! from the journal once MongoDB has its document, and `replays` publishes dead letters again.
//! [`migration`] moves all of it to MongoDB and Kafka, for `linkrelay migrate`.
//!
//! The tables of the journal and the dead letters are in `linkrelay_store::sqlite`, because an
//! entry is removed in the same transaction that writes the document.
//!
//! It must not know: HTTP, extraction, or what a consumer does with a record.

mod accept;
mod append;
mod broker;
mod embedded;
mod error;
mod file_journal;
pub mod journal;
mod letters;
pub mod migration;
mod replays;
mod republish;
mod store;

pub use accept::JournaledAccept;
pub use embedded::Embedded;
pub use error::{EmbeddedError, MigrationError};
pub use file_journal::SqliteJournal;
pub use migration::Migration;
pub use replays::Replays;
