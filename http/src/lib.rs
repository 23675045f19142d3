//! What every HTTP server of linkrelay has in common.
//!
//! How an error looks ([`Problem`]), how health is asked ([`health_routes`]), how a request for
//! links is read and answered ([`intake`]), what comes before the routes ([`layers`]), and how
//! connections are served and ended ([`serve()`]); [`wire`] has the bodies that other parts read.
//!
//! It must not know: Kafka, stores, or what a role does with a link.

mod health;
pub mod intake;
pub mod layers;
mod problem;
mod serve;
pub mod wire;

pub use health::health_routes;
pub use problem::Problem;
pub use serve::{ServeSettings, listen, serve};
