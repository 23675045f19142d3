//! The store of a deployment with servers: MongoDB, through the official driver.
//!
//! In reading order: `uri` and `names` refuse settings that can never work; `store` connects at
//! the first call; `schema` makes the indexes, and `retention` the one by which documents expire; `write`, `read`, `stale` and `removal` are the two halves of
//! [`LinkStore`](crate::LinkStore); `codec` is a document's BSON form; `failure` maps the driver's
//! errors to [`StoreError`](crate::StoreError).

mod codec;
mod failure;
mod names;
mod read;
mod removal;
mod retention;
mod schema;
mod stale;
mod store;
mod uri;
mod write;

pub use store::MongoStore;
pub(crate) use uri::MongoUri;
