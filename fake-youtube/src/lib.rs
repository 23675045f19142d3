//! A fake YouTube over HTTPS on 127.0.0.1: every well-formed id is a video, and every failure of
//! the real one can be asked for. `linkrelay up --demo`, the tests and the benchmarks ask it
//! instead of YouTube.
//!
//! In reading order: [`pages`] generates videos, always the same ones for the same ids, and writes
//! them as YouTube does; [`FakeYouTube`] is the running server and what a test may change of it;
//! [`FakeYouTubeSettings`] are its settings; [`Failure`] lists the failures, `faults` chooses them;
//! [`Edit`] changes what is answered about one video;
//! [`Hits`] counts; `corpus` has captured answers; `server` accepts connections, `routes` answers
//! requests, `thumbnails` those of i.ytimg.com, `gzip` packs answers, and `shared` has what all of them share; [`tls`]
//! makes the certificates.
//!
//! It must not know its clients, or what they make of its answers. It is shipped behind `--demo`,
//! so it neither prints nor panics.

mod answer;
mod body;
mod corpus;
mod data_api;
mod edits;
mod failure;
mod fake;
mod faults;
mod gzip;
mod hits;
mod latency;
pub mod pages;
mod routes;
mod server;
mod settings;
mod shared;
mod thumbnails;
pub mod tls;
mod videos;

/// The video that is asked for to learn whether YouTube finds any. Requests for it are counted apart
/// ([`Hits::canary`]), and neither a rate nor a count lets them fail.
pub const CANARY_VIDEO: &str = "jNQXAC9IVRw";

pub use corpus::CorpusCase;
pub use edits::Edit;
pub use failure::{ApiFailure, Failure};
pub use fake::FakeYouTube;
pub use faults::chosen_by_rate;
pub use hits::{Hits, Route};
pub use settings::FakeYouTubeSettings;
