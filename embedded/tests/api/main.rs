//! Tests the producer's API with a journal: with a real server on a free port.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

/// The producer under test and the doubles of its environment, from its own tests.
#[allow(dead_code, reason = "the producer's tests need more of it")]
#[path = "../../../producer/tests/api/helpers/mod.rs"]
mod helpers;

/// A journal that fails or waits as a test wants.
mod fake_journal;
/// Accepted links are journaled, and published from the journal.
mod journal;
