//! The mode in which linkrelay is one process and needs no broker: a broker inside the process,
//! and what makes up for its forgetting everything on exit.
//!
//! In reading order: [`Embedded`] is the whole of it, as the program that runs the roles sees it.
//! `broker` is the broker. [`journal`] says what a journal is, and `file_journal` keeps one in the
//! SQLite file. `accept` is the producer's seam: it journals links before it publishes them, and
//! `republish` publishes what the broker does not have. The consumer's seam is `append`, by which
//! the videos of a list take the place of its entry, and `letters`, which keeps dead letters.
//! `store` takes a link out of the journal once MongoDB has its document, and `replays` publishes
//! dead letters again.
//!
//! The tables of journal and dead letters are in `linkrelay_store::sqlite`, because a row goes in
//! the same transaction that writes the document.
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
mod replays;
mod republish;
mod store;

pub use accept::JournaledAccept;
pub use append::JournaledAppend;
pub use embedded::Embedded;
pub use error::EmbeddedError;
pub use file_journal::SqliteJournal;
pub use replays::{PublishLetter, Replays};
