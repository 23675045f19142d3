//! A store for the tests of other crates: [`FaultyStore`] keeps documents in memory, does what
//! every store must do, and fails, hangs and counts as a test says.
//!
//! It must not know: what is tested with it.

mod faulty;
mod jobs;
mod plan;
mod processes;
mod requests;
mod stats;
mod videos;

pub use faulty::FaultyStore;
pub use plan::{Method, MethodCounts};
