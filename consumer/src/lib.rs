//! linkrelay's Kafka side: records in, extraction, documents out. An offset is committed only when
//! the documents of its record are stored.
//!
//! In reading order, which is the path of a record: the `poll` thread owns the Kafka consumer with
//! its `queues`, and the `assignment`; it hands each `record` to the `lane` of its partition. The
//! lane's `worker` makes a `job` of each link (`jobs` leaves out those that are complete by what
//! `documents` reads from the store). `process` finds the metadata of a video (from the store first
//! if `reuse` is set), and gives links up into `dead_letter`, which writes a truncated form (`cut`)
//! of what the broker refuses; `expand` turns a list into records of its videos. `attempt` decides
//! how often and when YouTube is asked, and what follows from an error, with the backoff of
//! `retry`. The `batcher` writes documents and reports completions to the poll thread, which moves
//! the `tracker`; its `committer` makes a `commit` if the `topic_id` is still the same. What the
//! consumer itself publishes, dead letters, the videos of lists and `results` (each a
//! `result_record`), goes through `publishing`; `waiting` reports what is retried.
//! A `lookup` reads commits and logs beside the poll thread, and `progress` judges by them which
//! partitions are `behind`. `liveness`, `gauges` and `missed` report the state; `retention` removes
//! documents that are too old; `pipeline` wires everything from `parts`, `app` runs it, and `config`
//! has the settings.
//!
//! `server` is the waiting path: links over HTTP, for clients that wait for their documents. `ask`
//! and `document` are shared by both paths.
//!
//! Work goes down channels, completions come up, and tasks share only counters of permits.
//! It must not know: how metadata is found, or which store keeps it.

pub mod app;
pub mod config;
pub mod error;

mod ask;
mod assignment;
mod attempt;
mod batcher;
mod beats;
mod behind;
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
mod lookup;
mod missed;
mod parts;
mod pipeline;
mod poll;
mod process;
mod progress;
mod publishing;
mod queues;
mod record;
mod result_record;
mod results;
mod retention;
mod retry;
mod reuse;
mod search_index;
pub mod server;
mod topic_id;
mod tracker;
mod waiting;
mod worker;

pub use app::Consumer;
pub use config::{ConsumerSettings, PipelineSettings};
pub use error::ConsumerError;
pub use parts::{Beats, ConsumerParts};
pub use publishing::Publishing;
pub use server::{PostLinksSettings, ServerSettings};
