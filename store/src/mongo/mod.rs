//! The store of a deployment with servers: MongoDB, through the official driver.
//!
//! In reading order: `uri` and `names` refuse settings that can never work; `store` connects at
//! the first call, `deadline` bounds each call, and `version` refuses the collections of a newer
//! program; `schema` makes indexes, `read_indexes` those that reads of videos make when they need
//! them, and `retention` those by which documents expire; `write` (with `insert`), `removal` and
//! `read` are the parts of [`LinkStore`](crate::LinkStore), and `of_request` says which documents
//! are a request's; `videos` writes the rows of videos, `video_removal` takes back
//! what it wrote, `rebuild` makes them from the documents, `video_store`, `video_pages` and `search`
//! read them as `video_row`, by `condition`s; `titles` are kept beside the rows, `title_blocks` merges them, and
//! `title_search` reads them; `requests` are the accepted requests, `processes` the running processes,
//! `jobs` the rows of jobs; `codec` is a document's BSON form; `failure` maps the driver's errors
//! to [`StoreError`](crate::StoreError).

mod codec;
mod condition;
mod deadline;
mod existing_row;
mod failure;
mod insert;
mod jobs;
mod names;
mod of_request;
mod processes;
mod read;
mod read_indexes;
mod rebuild;
mod removal;
mod requests;
mod retention;
mod schema;
mod search;
mod stats;
mod store;
mod title_blocks;
mod title_search;
mod titles;
mod update;
mod uri;
mod version;
mod video_pages;
mod video_removal;
mod video_row;
mod video_store;
mod videos;
mod write;

pub use store::MongoStore;
pub(crate) use uri::MongoUri;
