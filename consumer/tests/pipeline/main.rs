//! The whole consumer against librdkafka's mock cluster: behaviour of the loop, with an
//! extractor and a store that do what the test says. What only a real broker can prove is in
//! the end-to-end tests.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod doubles;
mod relay;

/// Links to many videos.
mod lists;
/// What becomes of links, good and bad.
mod outcomes;
/// Links that come over HTTP, from those who wait for their documents.
mod posted;
/// What is delivered again although it was done.
mod redelivered;
/// Dead letters that are published again.
mod replays;
/// Outages, stops and restarts.
mod survival;
