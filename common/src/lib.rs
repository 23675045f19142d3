//! What every crate of linkrelay uses.
//!
//! In reading order: [`link`] turns the text that a client submitted into a [`VideoId`] or the name
//! of a [`list`] of videos; [`ids`] names requests and documents; [`partition`] and
//! [`record_origin`] name a record in Kafka, and [`link_identity`] a link in its request or record;
//! [`video`] is the metadata of a video, [`failure`] why a link has none and [`class`] what that
//! means; [`health`] is what a role reports about itself, [`metrics`] what it counts; [`until`]
//! retries forever; [`config`], [`settings`] and [`secrets`] are how a process begins, [`version`] says
//! which program it is, [`shutdown`] and [`service_manager`] how it ends and what it reports to systemd.
//!
//! It must not know: Kafka clients, HTTP, how logs and traces are written, extraction, stores, or
//! the logic of either role.

mod causes;
pub mod class;
pub mod config;
pub mod failure;
pub mod hangup;
pub mod health;
pub mod ids;
pub mod link;
pub mod link_identity;
pub mod list;
pub mod metrics;
pub mod partition;
pub mod record_origin;
mod schema;
pub mod secrets;
pub mod service_manager;
pub mod settings;
pub mod shutdown;
pub mod until;
pub mod version;
pub mod video;

pub use causes::with_causes;
pub use class::ErrorClass;
pub use failure::LinkFailure;
pub use ids::{DocumentId, RequestId};
pub use link::{LinkError, LinkTarget, VideoId, parse_link, parse_target};
pub use link_identity::{LinkIdentity, MAX_EXPANDED_VIDEOS, MAX_LINKS_OF_RECORD};
pub use list::ListLink;
pub use partition::{Offset, Partition};
pub use record_origin::RecordOrigin;
pub use settings::SettingsError;
pub use video::Video;
