//! The fake YouTube as its clients see it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

// A client that trusts the fake, readers of its answers, and waits.
mod helpers;
// Each route, and both protocols.
mod routes;
// Playlists and channels of the Data API.
mod lists;
// Each failure.
mod failures;
// What a test can read and change while the server runs, and how the server stops.
mod running;
// Captured answers.
mod corpus;
// Thumbnails of videos.
mod thumbnails;
