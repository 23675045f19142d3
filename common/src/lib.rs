//! What everybody in linkrelay speaks of.
//!
//! In reading order: [`link`] turns what a person pasted into a [`VideoId`] or the name of a
//! [`list`] of videos; [`ids`] names requests and documents, [`record_origin`] says where a record
//! is in Kafka and [`link_identity`] where a link is in its request or record; [`video`] is what is known
//! of a video, [`failure`] why a link has none and [`class`] what that means; [`health`] is what a role says of itself,
//! [`metrics`] what it counts; [`telemetry`] and [`shutdown`] are how a process begins and ends.
//!
//! It must not know: Kafka clients, HTTP, extraction, stores, or either role's logic.

pub mod class;
pub mod failure;
pub mod health;
pub mod ids;
pub mod link;
pub mod link_identity;
pub mod list;
pub mod metrics;
pub mod partition;
pub mod record_origin;
pub mod settings;
pub mod shutdown;
pub mod telemetry;
pub mod until;
pub mod video;

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
