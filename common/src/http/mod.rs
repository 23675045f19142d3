//! What every HTTP server of linkrelay has in common: how an error looks ([`Problem`]), how
//! health is asked ([`health_routes`]), and how connections are served and ended ([`serve()`]).
//!
//! It must not know: any route of a role.

mod health;
mod problem;
mod serve;

pub use health::health_routes;
pub use problem::Problem;
pub use serve::{ServeSettings, serve};
