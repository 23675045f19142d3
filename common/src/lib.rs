//! What crosses the wire in linkrelay, and what every role needs to take part.
//!
//! In reading order: [`link`] turns what a person pasted into a [`VideoId`] or the name of a
//! [`list`] of videos; [`ids`] names requests and documents, [`record_place`] says where a
//! record stands and [`place`] where a link does; [`video`] is what is known of a video; [`message`] and [`headers`] are the
//! Kafka record, [`record`] one link as such, and [`publish`] sends it; [`kafka`] makes client
//! settings and [`topic`] asks a broker about its topics; [`health`] is what a role says of
//! itself, [`metrics`] what it counts; [`telemetry`] and [`shutdown`] are how a process begins and
//! ends.
//!
//! It must not know: extraction, stores, or either role's logic.

pub mod class;
pub mod headers;
pub mod health;
pub mod http;
pub mod ids;
pub mod kafka;
pub mod link;
pub mod list;
pub mod message;
pub mod metrics;
pub mod place;
pub mod publish;
pub mod record;
pub mod record_place;
pub mod settings;
pub mod shutdown;
pub mod telemetry;
pub mod topic;
pub mod until;
pub mod video;

pub use class::ErrorClass;
pub use headers::{DeadLetterHeaders, RecordHeaders, copy_readable, headers_bytes};
pub use ids::{DocumentId, RequestId};
pub use link::{LinkError, LinkTarget, VideoId, parse_link, parse_target};
pub use list::ListLink;
pub use message::{DecodeError, LinkMessage};
pub use place::{LinkPlace, MAX_EXPANDED_VIDEOS, MAX_LINKS_OF_RECORD};
pub use record::LinkRecord;
pub use record_place::RecordPlace;
pub use settings::SettingsError;
pub use video::Video;
