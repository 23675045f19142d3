//! linkrelay's Kafka: everything that producer and consumer share in their use of a broker.
//!
//! In reading order: [`message`] and [`headers`] are the record as it is in the topic, [`record`]
//! is one link as such a record; [`settings`] turns settings into librdkafka configurations (with
//! `brokers`, `parse`, `pass_through` and `security`), and the `context` of each client turns the
//! errors of librdkafka into a `reason` (for example of a `certificate`) on which an operator can
//! act; [`topic`] asks a broker about its topics and [`lag`] about a group, and [`publish`] sends
//! links, dead letters and results.
//!
//! It must not know: HTTP, extraction, stores, or either role's logic.

mod brokers;
mod certificate;
mod context;
pub mod headers;
pub mod lag;
pub mod message;
mod parse;
mod pass_through;
pub mod publish;
mod reason;
pub mod record;
mod security;
pub mod settings;
pub mod topic;

pub use brokers::Brokers;
pub use context::{RelayContext, drain_errors};
pub use headers::result::{RESULT_SCHEMA_VERSION, ResultHeaders};
pub use headers::{DeadLetterHeaders, RecordHeaders, copy_readable, headers_bytes};
pub use message::{DecodeError, LinkMessage};
pub use pass_through::PassThrough;
pub use reason::{Cause, Reason};
pub use record::LinkRecord;
pub use settings::{DEFAULT_BROKERS, GroupProtocol, GroupSettings, KafkaSettings, unknown_key};
