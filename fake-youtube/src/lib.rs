//! A YouTube of our own, over HTTPS on 127.0.0.1: every well-formed id is a video, and every
//! way in which the real one fails can be asked for. `linkrelay up --demo`, the tests and the
//! benchmarks ask it instead of YouTube.
//!
//! In reading order: [`pages`] makes videos up, the same ones for the same ids, and writes them
//! down as YouTube does; [`FakeYouTube`] is the running server and what a test may do with it;
//! [`FakeYouTubeSettings`] are how it starts; [`Failure`] lists what can go wrong, `faults` decides
//! when; [`Hits`] counts; `corpus` holds captured answers; `server` accepts connections, `routes`
//! answers requests, with what all of them share in `world`; [`tls`] makes the certificates.
//!
//! It must not know: who asks, or what is made of its answers. It is shipped behind `--demo`, so
//! it neither prints nor panics.

mod answer;
mod body;
mod corpus;
mod data_api;
mod failure;
mod fake;
mod faults;
mod hits;
mod latency;
mod lists;
pub mod pages;
mod request;
mod routes;
mod server;
mod settings;
mod socket;
pub mod tls;
mod videos;
mod world;

pub use corpus::CorpusCase;
pub use failure::{ApiFailure, Failure};
pub use fake::FakeYouTube;
pub use faults::chosen_by_rate;
pub use hits::{Hits, Route};
pub use settings::FakeYouTubeSettings;
