//! What every HTTP server of linkrelay has in common.
//!
//! [`Problem`] is an error answer; [`health_routes`] are the routes of health, and
//! [`MetricsSettings`] say where metrics are; [`intake`] reads a request for links and describes
//! the outcome of each; [`keys`] are who may send one; [`client`] says who a client is and what it
//! may have, [`browser`] what browsers may do; [`layers`] come before the routes, most of
//! them as an [`Around`], and record the spans of requests (`trace`); [`serve()`]
//! serves connections and ends them; [`etag`] tells what a client has already;
//! [`wire`] has the answers that other parts of linkrelay read;
//! [`openapi`] describes what all routes have in common.
//!
//! It must not know: Kafka, stores, or what a role does with a link.

mod around;
pub mod browser;
pub mod client;
pub mod etag;
mod health;
pub mod intake;
mod keep_alive;
pub mod keys;
pub mod layers;
mod metrics_server;
mod open_files;
pub mod openapi;
mod problem;
mod serve;
mod trace;
pub mod wire;

pub use around::{Around, AroundLayer};
pub use health::{health_routes, metrics_route};
pub use metrics_server::{MetricsListener, MetricsSettings};
pub use problem::Problem;
pub use serve::{ListenError, ServeSettings, listen, serve};
