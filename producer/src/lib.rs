//! linkrelay's HTTP side: links in over axum, records out to Kafka, answered once they are safe.
//!
//! In reading order: [`config`] is what can be set; [`journal`] keeps links where the broker
//! forgets; `submit` is the one thing this role does, without any HTTP, and `status` the one
//! that it looks up;
//! `forward` is the other way, of those who wait for their documents; `routes` speak HTTP, and
//! `error` is what they answer when something is wrong; [`app`] puts it together, runs it and
//! ends it.
//!
//! It must not know: how metadata is found, or who reads the topic.

pub mod app;
mod background;
pub mod broker;
pub mod config;
mod error;
mod forward;
pub mod journal;
mod measure;
mod routes;
mod state;
mod status;
mod submit;

pub use app::{PartDied, Producer, StartError};
pub use config::{ApiSettings, ProducerSettings};
