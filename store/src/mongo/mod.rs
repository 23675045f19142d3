//! The store of a real deployment: MongoDB, by the official driver.
//!
//! In reading order: `uri` and `names` refuse what can never work; `store` connects when it is
//! first asked; `schema` makes the indexes; `write` and `read` are the two halves of
//! [`LinkStore`](crate::LinkStore); `codec` is a document's BSON form; `failure` maps the
//! driver's errors on to ours.

mod codec;
mod failure;
mod names;
mod read;
mod schema;
mod store;
mod uri;
mod write;

pub use store::MongoStore;
pub(crate) use uri::MongoUri;
