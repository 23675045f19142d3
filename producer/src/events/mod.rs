//! The events of a request: each link as it becomes done, and the counters.
//!
//! In reading order: `ranges` are the links that a client has; `progress` is what is known of a
//! request, read from the store; `hub` polls once for all watchers of a request; a `watcher` is
//! one client's view.
//!
//! It must not know: HTTP, or how an event is written.

mod hub;
mod progress;
mod ranges;
#[cfg(test)]
mod tests;
mod watcher;

pub(crate) use hub::Hub;
pub(crate) use progress::Counters;
pub(crate) use ranges::{IndexRanges, IndexRangesError};
pub(crate) use watcher::News;
