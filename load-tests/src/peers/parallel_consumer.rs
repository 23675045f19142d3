//! A process of the Parallel Consumer: `load-tests/peers/Peer.java`, run from its source.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::process::ProcessBuilder;

use super::IN_FLIGHT;
use crate::replicas::group::Worker;

/// What all processes of one group are started with.
pub(super) struct PeerGroup<'a> {
    pub(super) broker: &'a KafkaBroker,
    pub(super) home: &'a Path,
    pub(super) topic: &'a str,
    pub(super) name: String,
    pub(super) latency: Duration,
    pub(super) session_timeout: Duration,
}

impl PeerGroup<'_> {
    /// Starts a process, which appends the records that it did to `done`, if there is such a file.
    pub(super) fn start(&self, done: Option<&Path>) -> Result<Worker> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/Peer.java");
        // The virtual machine's defaults: those of a server, for which it was tuned.
        let builder = ProcessBuilder::new("parallel-consumer", "java")
            .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp"])
            .arg(self.home.join("parallel-consumer/*"))
            .arg(program)
            .args(self.arguments())
            .args(done);
        Worker::start(builder)
    }

    fn arguments(&self) -> [String; 6] {
        [
            self.broker.bootstrap_servers(),
            self.topic.to_owned(),
            self.name.clone(),
            IN_FLIGHT.to_string(),
            self.latency.as_micros().to_string(),
            self.session_timeout.as_millis().to_string(),
        ]
    }
}
