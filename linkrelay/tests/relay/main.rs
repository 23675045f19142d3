//! linkrelay's own processes on real servers: a Kafka broker, a MongoDB-wire server and the fake
//! YouTube.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

/// A collector of traces.
mod collector;
/// Commands, waits, and links.
mod helpers;
/// The processes of one test.
mod role;
/// The servers of one test.
mod site;

/// Clients that send too much, too slowly, or odd requests.
mod abuse;
/// Clients that want all for themselves, and pages of other sites.
mod abuse_clients;
/// `linkrelay backup` and `linkrelay restore`.
mod backup;
/// Refusals of every video, and links that are throttled alone.
mod canary;
/// `linkrelay check`.
mod check;
/// A cluster of three brokers, some of which fail.
mod cluster;
/// `--config`, and `linkrelay config print`.
mod config;
/// Links typed into the console producer.
mod console;
/// Captured pages through the whole pipeline.
mod corpus;
/// Dead letters and their replay.
mod dlq;
/// The routes of dead letters.
mod dlq_routes;
/// Everything in one process.
mod embedded;
/// Dead letters of the embedded mode, which outlive its process.
mod embedded_letters;
/// `GET /links/{id}/events`.
mod events;
/// The clients in docs/examples.
mod examples;
/// `linkrelay export`, `GET /export` and `GET /stats`.
mod export;
/// Kills, missing topics, unreachable servers.
mod faults;
/// A full disk.
mod full_disk;
/// Consumers that join and leave, with every group protocol.
mod group;
/// Which document belongs to which record.
mod identity;
/// The journal of the embedded mode.
mod journal;
/// API keys: what each allows, and the file that has them.
mod keys;
/// `GET /lag` on a real broker.
mod lag;
/// Records that are too large for a dead letter, and topics that take none.
mod large;
/// Links to many videos.
mod lists;
/// The load that linkrelay is chosen for.
mod main_job;
/// `linkrelay migrate`.
mod migrate;
/// MongoDB as operators run it: users with few rights, TLS, connection strings with options.
mod mongodb;
/// nginx in front, as docs/OPERATIONS.md tells.
mod nginx;
/// Videos whose metadata is odd: blank, elsewhere, or not quite Unicode.
mod odd_videos;
/// Topics whose first records were deleted, or that were created again.
mod offsets;
/// Servers on addresses that others reach, with keys and without.
mod open_addresses;
/// Links as people paste them.
mod pasted;
/// `GET /processes`.
mod processes;
/// What health and gauges say of a consumer whose partitions are not read.
mod progress;
/// The metrics, and the alerts and dashboards of `deploy/`, in a real Prometheus.
mod prometheus;
/// `linkrelay rebuild-videos`.
mod rebuild;
/// Records that are delivered again although they were complete.
mod redelivered;
/// `linkrelay refresh`.
mod refresh;
/// Documents that the store refuses.
mod refused;
/// Requests that are deleted, and documents that are too old to be kept.
mod removal;
/// The work that is repeated after a kill.
mod repeats;
/// `GET /requests`.
mod requests;
/// Documents that are published as results.
mod results;
/// Links that failed and are submitted again, and what a pasted text names.
mod retry;
/// Metadata that is already in the store.
mod reuse;
/// Consumers that follow the lag.
mod scaling;
/// The API, tried by its OpenAPI document.
mod schemathesis;
/// Search.
mod search;
/// Secrets, which no log, error or answer shows.
mod secrets;
/// Kafka behind TLS and SASL.
mod secured;
/// What roles report to systemd.
mod service_manager;
/// Wrong settings, which end a process at its start.
mod settings;
/// Completions and man pages.
mod shell;
/// `linkrelay submit` of many links.
mod submitted;
/// The commands around the pipeline.
mod tools;
/// The settings of topics.
mod topics;
/// Traces, from a request to its document.
mod tracing;
/// The waiting path.
mod waiting;
