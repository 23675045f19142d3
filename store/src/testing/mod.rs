//! A store for the tests of other crates: [`MemoryStore`] does what every store must do, and
//! [`FaultyStore`] around it fails, hangs and counts as a test says.
//!
//! It must not know: who is tested with it.

mod faulty;
mod memory;

pub use faulty::{Counts, FaultyStore, Method};
pub use memory::MemoryStore;
