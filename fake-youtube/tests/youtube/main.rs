//! The fake YouTube as its clients see it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

// What several tests need: a client that trusts the fake, readers of its answers, waits.
mod helpers;
// Each route, and the way in: names, certificates, protocols.
mod routes;
// Playlists and channels of the Data API.
mod lists;
// Each way to fail.
mod failures;
// What a test can see and change while the server runs, and how it ends.
mod running;
// Captured answers.
mod corpus;
// The crate rusty_ytdl, which reads pages its own way.
mod rusty;
