//! linkrelay's Kafka side: records in, extraction, documents out, offsets committed only when the
//! documents are there.
//!
//! In reading order, which is the way of a record: the `poll` thread owns the Kafka consumer with
//! its `queues`, and the `assignment`; it hands each `record` to the `lane` of its partition. The
//! lane's `worker` takes it as a `job` for each link (`jobs` leaves out what `documents` says is
//! done) and lets `process` find the metadata (asking the store first if `reuse` is set, giving up
//! into `dead_letter`, which writes a `cut` form of what the broker refuses), or `expand` a list
//! into records of its videos. How often is asked, when, and what follows from an error is decided
//! in `attempt`, with the waits of `retry`. The `batcher` writes documents and reports completions
//! back to the poll thread, which moves the `tracker`; its `committer` makes a `commit` where the
//! `topic_id` is still the same. What the consumer itself publishes, dead letters and the videos of
//! lists, goes through `publishing`. `liveness`, `gauges` and `missed` say how it goes; `pipeline`
//! puts them together from `parts`, `app` runs it; `config` sets them.
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
mod attempt;
mod batcher;
mod commit;
mod committer;
mod context;
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
mod parts;
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

pub use app::Consumer;
pub use config::{ConsumerSettings, PipelineSettings};
pub use error::ConsumerError;
pub use parts::ConsumerParts;
pub use publishing::Publishing;
pub use server::{PostLinksSettings, ServerSettings};
