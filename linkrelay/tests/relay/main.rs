//! linkrelay's own processes, together, on real servers: a Kafka broker, a MongoDB-wire server
//! and the fake YouTube.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

/// The servers and processes of one test.
mod site;

/// Too many, too slow, too odd.
mod abuse;
/// Whether everything can be reached.
mod check;
/// Three brokers, some of which fail.
mod cluster;
/// Links typed by hand.
mod console;
/// Captured pages through the whole pipeline.
mod corpus;
/// Links that were given up, and another chance for them.
mod dlq;
/// Everything in one process.
mod embedded;
/// Links that were given up in one process, which outlive it.
mod embedded_letters;
/// Kills, missing topics, servers that are away.
mod faults;
/// A disk without room.
mod full_disk;
/// Consumers that come and go, with every group protocol.
mod group;
/// Which document belongs to which record.
mod identity;
/// The journal of the embedded mode.
mod journal;
/// Records that are too large for a dead letter, and topics that take none.
mod large;
/// Links to many videos.
mod lists;
/// The load that linkrelay is chosen for.
mod main_job;
/// MongoDB as others run it: users with few rights, TLS, connection strings with opinions.
mod mongodb;
/// Logs that begin later, or again.
mod offsets;
/// Links as people paste them.
mod pasted;
/// What is delivered again although it was done.
mod redelivered;
/// Documents that the store refuses.
mod refused;
/// What a kill makes to be done again.
mod repeats;
/// Metadata that the store has already.
mod reuse;
/// Kafka behind TLS and SASL.
mod secured;
/// Wrong settings end at start.
mod settings;
/// The commands around the pipeline.
mod tools;
/// How the topics are made, and how they should be.
mod topics;
/// Those who wait for their documents.
mod waiting;
