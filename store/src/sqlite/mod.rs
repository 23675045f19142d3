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
//! the accepted requests, `processes` the running processes, and `jobs` the rows of jobs; `backup`
//! copies a file that is in use and `restore` replaces one, with `file_copy`, `part_file` and
//! `file_names`; `moves` is how far a file has been moved to other servers.
//!
//! Several processes may have the same file open; `file_lock` knows whether any has.

mod backup;
mod closed;
mod codec;
mod connection;
mod documents;
mod failure;
mod file_copy;
mod file_error;
mod file_lock;
mod file_names;
mod grams;
mod jobs;
pub mod journal;
pub mod letters;
mod link_store;
mod moves;
mod part_file;
mod processes;
mod readers;
mod rebuild;
mod removal;
mod requests;
mod restore;
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

pub use backup::backup;
pub use file_copy::CopyStep;
pub use file_error::StoreFileError;
pub use journal::{JournalEntry, JournalPosition, JournalSize, PendingEntry};
pub use letters::{LetterEntry, LetterRow};
pub use moves::{DocumentPage, MoveCounts, MovePart, MoveProgress};
pub use restore::{Restored, restore};
pub use store::SqliteStore;
