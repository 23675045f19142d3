//! The entire consumer against librdkafka's mock cluster, with an extractor and a store that do
//! what the test says. What only a real broker can prove is in the end-to-end tests.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod doubles;
mod relay;

/// Links to many videos.
mod lists;
/// The outcomes of links, valid and invalid.
mod outcomes;
/// Links over HTTP, from clients that wait for their documents.
mod posted;
/// Records that are delivered again although they are complete.
mod redelivered;
/// Dead letters that are published again.
mod replays;
/// Outages, stops and restarts.
mod survival;
