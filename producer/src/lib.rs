//! linkrelay's HTTP API: accepts links, publishes them as records to Kafka, and answers once they
//! are safe.
//!
//! In reading order: `config` are the settings; `accept` makes records safe; `status` looks up the
//! status of a request, `events` follow it, `retry` sends its failed links again, and
//! `stored_videos` tells which videos are stored; `export` reads all videos, and `stats` counts
//! them; `video_entry` is how a video is shown, and `thumbnails` finds its thumbnail; `slots` bound
//! the answers that last long; `requests` lists what was accepted; [`dlq`] lists and replays dead
//! letters; `rates` is what its heartbeat says, and `history` what all processes said in the last
//! hour; `lag` asks the broker how far the consumers are behind; `forward` is the waiting path, for
//! clients that wait for their documents; `routes` are the HTTP routes, `error` are their error
//! answers, and `openapi` is the document that describes them; `app` wires these parts (some with
//! `parts`), runs and ends them, with the tasks in the `background`.
//!
//! It must not know: how metadata is found, or what reads the topic.

mod accept;
mod app;
mod background;
mod broker;
mod client_slots;
mod config;
pub mod dlq;
mod error;
mod events;
mod export;
mod forward;
mod history;
mod lag;
mod measure;
mod openapi;
mod parts;
mod rates;
mod requests;
mod retry;
mod routes;
mod slots;
mod state;
mod stats;
mod status;
mod stored_videos;
mod thumbnails;
mod video_entry;

pub use accept::{Accept, AcceptError, Accepted, TopicAccept};
pub use app::{PartDied, Producer, StartError};
pub use background::Background;
pub use config::{ApiSettings, ProducerSettings};
pub use openapi::openapi;
