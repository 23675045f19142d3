//! linkrelay's Kafka side: records in, extraction, documents out, offsets committed only when the
//! documents are there.
//!
//! In reading order, which is the way of a record: the `poll` thread owns the Kafka consumer with
//! its `queues`, and the `assignment`; it hands each `record` to the `lane` of its partition. The
//! lane's `worker` takes it as a `job` for each link (`jobs` leaves out what `documents` says is
//! done) and lets `process` find the metadata (waiting its turn in `cool_down` and before the
//! `breaker`, asking the store first if `reuse` is set, trying again by `retry`, giving up into
//! `dead_letter`, which writes a `cut` form of what the broker refuses), or `expand` a list into records of its videos. The `batcher` writes documents
//! and reports completions back to the poll thread, which moves the `tracker`; its `committer` makes a `commit` where the
//! `topic_id` is still the same.
//! What the consumer itself sends, dead letters and the videos of lists, goes by `publishing`.
//! `liveness`, `gauges` and `missed` say how it goes; `pipeline` puts them together, `app` runs it;
//! `config` sets them.
//!
//! `server` is another way in: links over HTTP, for those who want to wait for their documents.
//! `ask` and `document` are what both ways do alike.
//!
//! Work goes down channels, completions come up, and nothing is shared but counters of permits.
//! It must not know: how metadata is found, or which store keeps it.

pub mod app;
pub mod config;
pub mod error;

mod ask;
mod assignment;
mod batcher;
mod breaker;
mod commit;
mod committer;
mod context;
mod cool_down;
mod cut;
mod dead_letter;
mod document;
mod documents;
mod expand;
mod gauges;
mod job;
mod jobs;
mod lane;
mod liveness;
mod missed;
mod pipeline;
mod poll;
mod process;
mod publishing;
mod queues;
mod record;
mod retry;
mod reuse;
pub mod server;
mod topic_id;
mod tracker;
mod worker;

pub use app::{Consumer, ConsumerParts};
pub use config::{ConsumerSettings, PipelineSettings};
pub use error::ConsumerError;
pub use publishing::Publishing;
pub use server::{PostLinksSettings, ServerSettings};
