//! The producer's API with a journal before its broker: a real server on a free port.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

/// The producer under test and its surroundings, as its own tests have them.
#[allow(dead_code, reason = "the producer's tests need more of it")]
#[path = "../../../producer/tests/api/helpers/mod.rs"]
mod helpers;

/// A journal that does as a test says.
mod fake_journal;
/// What is accepted is in the journal, and comes out of it again.
mod journal;
