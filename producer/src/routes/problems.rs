//! The errors that several routes describe alike.

use std::collections::BTreeMap;

use linkrelay_http::openapi::problems;
use utoipa::IntoResponses;
use utoipa::openapi::{RefOr, Response};

/// What a route answers if the store fails.
#[derive(Debug)]
pub(crate) struct StoreProblems;

impl IntoResponses for StoreProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (500, "`store_unreadable`: a stored document cannot be read."),
            (503, "`store_unavailable`: the store cannot be reached."),
        ])
    }
}

/// What a route answers if links cannot be made safe.
#[derive(Debug)]
pub(crate) struct PublishProblems;

impl IntoResponses for PublishProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (500, "`store_unreadable`: a stored document cannot be read."),
            (
                503,
                "`queue_full`, `delivery_timeout`, `broker_refused`, `topic_missing`, `stopping`, \
                 `journal_unavailable`, `store_unavailable`: not every link was accepted; \
                 `results` says which, if they were checked.",
            ),
        ])
    }
}
