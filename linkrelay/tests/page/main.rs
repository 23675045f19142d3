//! The page in a real browser, on a real linkrelay.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

/// The browser, the server, and what a test asks of them.
mod harness;

/// The page of the API, which is older than this suite.
mod docs;
