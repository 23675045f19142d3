//! The store of the embedded default: one SQLite file, which also has the journal of the links
//! that were accepted and are not written yet.
//!
//! In reading order: [`store`] is the file, `link_store` its documents as a
//! [`LinkStore`](crate::LinkStore), [`journal`] and [`letters`] the journal and the dead letters;
//! `schema` makes the tables; `connection` opens the file; `writer` is the one thread that writes,
//! with group commit, and `removal` what it deletes; `readers` are the few connections that read;
//! `documents` has the statements and `codec` the rows; `video_store` answers about
//! videos, with the statements of `videos` and `video_pages`; `video_change` is what a document
//! changes in the row of its video, and `rebuild` makes the rows from all documents; `search` keeps
//! what searches find videos by, and `search_pages` answers them; `stats` counts; `requests` are
//! the accepted requests, `processes` the running processes, and `jobs` the rows of jobs.
//!
//! Several processes may have the same file open.

mod codec;
mod connection;
mod documents;
mod failure;
mod grams;
mod jobs;
pub mod journal;
pub mod letters;
mod link_store;
mod processes;
mod readers;
mod rebuild;
mod removal;
mod requests;
mod schema;
mod search;
mod search_pages;
mod stats;
pub mod store;
mod video_change;
mod video_pages;
mod video_store;
mod videos;
mod writer;

pub use journal::{JournalEntry, JournalPosition, JournalSize, PendingEntry};
pub use letters::{LetterEntry, LetterRow};
pub use store::SqliteStore;
