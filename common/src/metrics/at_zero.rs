//! The counters that exist with the value 0 before anything is counted.
//!
//! Prometheus computes an increase from two samples: without a 0, the first failure of a process
//! would be no increase, and no alert would see it. Counters whose labels are known only later
//! (a route, a topic, an error code) begin when they are first used.

use metrics::{Label, counter};

use super as names;

/// The roles of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessRoles {
    /// A producer alone.
    Producer,
    /// A consumer alone.
    Consumer,
    /// A producer and consumers in one process, as in `linkrelay up`.
    Up,
}

impl ProcessRoles {
    /// Returns the value of the label `role`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Up => "up",
        }
    }
}

/// A counter, the names of its labels, and their values for each series.
type AtZero = (&'static str, &'static [&'static str], &'static [&'static [&'static str]]);

const WITHOUT_LABELS: &[&[&str]] = &[&[]];

const OF_BOTH: &[AtZero] = &[
    (
        names::HTTP_REFUSED,
        &["limit"],
        &[
            &["requests"],
            &["links"],
            &["connections"],
            &["in_flight"],
            &["bodies"],
            &["waiting"],
            &["streams"],
            &["exports"],
            &["host"],
        ],
    ),
    (names::SPANS, &["outcome"], &[&["exported"], &["lost"]]),
];
const OF_PRODUCER: &[AtZero] = &[
    (names::LINKS_SUBMITTED, &["outcome"], &[&["accepted"], &["rejected"], &["unavailable"]]),
    (names::DOCUMENTS_REMOVED, &["reason"], &[&["request"]]),
    (names::REQUESTS_UNLISTED, &[], WITHOUT_LABELS),
];
const OF_CONSUMER: &[AtZero] = &[
    (
        names::LINKS,
        &["outcome", "class"],
        &[
            &["stored", "none"],
            &["expanded", "none"],
            &["failed", "permanent"],
            &["failed", "transient"],
            &["failed", "throttled"],
            &["failed", "malformed"],
        ],
    ),
    (names::LINKS_SKIPPED, &[], WITHOUT_LABELS),
    (
        names::DEAD_LETTERS,
        &["class"],
        &[&["permanent"], &["transient"], &["throttled"], &["malformed"]],
    ),
    (names::RESULTS, &[], WITHOUT_LABELS),
    (names::RESULTS_FAILED, &[], WITHOUT_LABELS),
    (names::COMMITS, &["outcome"], &[&["committed"], &["failed"]]),
    (names::REBALANCES, &["event"], &[&["assigned"], &["revoked"], &["lost"]]),
    (names::STORE_ERRORS, &[], WITHOUT_LABELS),
    (names::DOCUMENTS_REFUSED, &[], WITHOUT_LABELS),
    (names::DOCUMENTS_REMOVED, &["reason"], &[&["retention"]]),
    (names::EXTRACTOR_ANSWERS, &["from"], &[&["memory"], &["flight"], &["question"]]),
    (names::REUSE_LOOKUPS, &["outcome"], &[&["reused"], &["none"], &["trouble"]]),
    (names::EXPANDED_VIDEOS, &[], WITHOUT_LABELS),
    (names::SEARCH_INDEXED, &[], WITHOUT_LABELS),
    (names::COOL_DOWNS, &[], WITHOUT_LABELS),
    (names::CANARY_REQUESTS, &["result"], &[&["found"], &["refused"], &["throttled"], &["failed"]]),
];

/// Registers the counters of these roles, with the value 0.
pub(super) fn register(roles: ProcessRoles) {
    let of_roles: &[&[AtZero]] = match roles {
        ProcessRoles::Producer => &[OF_BOTH, OF_PRODUCER],
        ProcessRoles::Consumer => &[OF_BOTH, OF_CONSUMER],
        ProcessRoles::Up => &[OF_BOTH, OF_PRODUCER, OF_CONSUMER],
    };
    for (name, labels, series) in of_roles.iter().copied().flatten() {
        for values in *series {
            let pairs = labels.iter().zip(*values);
            let labels: Vec<Label> =
                pairs.map(|(label, value)| Label::new(*label, *value)).collect();
            counter!(*name, labels).increment(0);
        }
    }
}
