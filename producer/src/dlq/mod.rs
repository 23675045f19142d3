//! Dead letters, the links that were given up: which there are, and their replay.
//!
//! In reading order: `letter` is one dead letter, `filter` selects some, `source` says where
//! they are, `reader` reads all of them, from their topic (`topic_reader`) or from the rows of
//! the embedded mode. `replay` publishes them again: it reads them twice, once for the `newest`
//! of each document (`survey`), and once for `pages` of those, which `check` compares with
//! the store and with the replays `in_flight`, and `publish` sends; `tally` counts. `page`
//! reads the newest, which `listing` compares in the same way, and `jobs` run replays for clients.
//!
//! The topic of dead letters is never changed: replayed ones remain in it, and are complete once
//! their documents are stored.
//!
//! It must not know: HTTP, or a terminal.

mod asking;
pub(crate) mod check;
pub(crate) mod error;
mod filter;
mod in_flight;
pub(crate) mod jobs;
pub(crate) mod letter;
pub(crate) mod listing;
mod newest;
pub(crate) mod page;
mod pages;
mod publish;
mod reader;
mod replay;
mod source;
mod survey;
mod tally;
mod text;
mod topic_reader;

pub use error::DlqError;
pub use filter::LetterFilter;
pub use letter::{DeadLetter, RawLetter};
pub use publish::Publisher;
pub use reader::LetterReader;
pub use replay::{Observe, Replay, ReplayOptions};
pub use source::LetterSource;
pub use tally::Tally;
pub use text::printable;
