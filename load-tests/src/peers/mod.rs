//! linkrelay beside what else would be used for its work: Confluent's Parallel Consumer, and the
//! MongoDB sink of Kafka Connect. Both sides run on the same broker and the same store in one
//! invocation, one after the other, and the side that is first changes from round to round.
//!
//! What would flatter linkrelay, and what would flatter the peer, is at the head of each case.

mod drain;
mod kill;
mod parallel_consumer;
mod sink;

use std::path::{Path, PathBuf};

use anyhow::Result;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::tools::peers_home;

use crate::bench::settings::BenchSettings;

/// In each process, and equally many a partition of linkrelay.
const IN_FLIGHT: usize = 64;

/// The two sides of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Ours,
    Theirs,
}

impl Side {
    /// Returns both, in the order of this round.
    fn both(round: usize) -> [Self; 2] {
        if round.is_multiple_of(2) {
            [Self::Ours, Self::Theirs]
        } else {
            [Self::Theirs, Self::Ours]
        }
    }
}

/// Returns the folder of the peers.
///
/// # Errors
/// If they were not fetched, with the command that fetches them.
pub(crate) fn home() -> Result<PathBuf> {
    peers_home()
}

pub(crate) async fn run(settings: &BenchSettings, home: &Path) -> Result<()> {
    let broker = KafkaBroker::start().await?;
    drain::run(settings, &broker, home).await?;
    kill::run(settings, &broker, home).await?;
    sink::run(settings, &broker, home).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_is_first_in_every_other_round() {
        let first: Vec<Side> = (0..4).map(|round| Side::both(round)[0]).collect();
        assert_eq!(first, [Side::Ours, Side::Theirs, Side::Ours, Side::Theirs]);
        assert!((0..4).all(|round| Side::both(round)[0] != Side::both(round)[1]));
    }
}
