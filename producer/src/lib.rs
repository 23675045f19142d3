//! linkrelay's HTTP side: links in over axum, records out to Kafka, answered once they are safe.
//!
//! In reading order: [`config`] is what can be set; `submit` makes records of links, and
//! [`accept`] makes the records safe; `status` is what this role looks up; `forward` is the other
//! way, of clients that wait for their documents; `routes` speak HTTP, and `error` is what they
//! answer when something is wrong; [`app`] puts it together, runs it and ends it, with what runs
//! in the `background`.
//!
//! It must not know: how metadata is found, or who reads the topic.

pub mod accept;
pub mod app;
mod background;
mod broker;
pub mod config;
mod error;
mod forward;
mod measure;
mod routes;
mod state;
mod status;
mod submit;

pub use accept::{Accept, AcceptError, Accepted, TopicAccept};
pub use app::{PartDied, Producer, StartError};
pub use background::Background;
pub use config::{ApiSettings, ProducerSettings};
