//! How the ids that are written as text look in an OpenAPI document.

use std::borrow::Cow;

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{RequestId, VideoId};

/// Exactly the texts that [`RequestId`] reads, but for those of a billion links and more.
const REQUEST_ID: &str =
    "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-[1-9][0-9]{0,8}$";
/// Exactly the texts that [`VideoId`] reads.
const VIDEO_ID: &str = "^[A-Za-z0-9_-]{11}$";

impl PartialSchema for RequestId {
    fn schema() -> RefOr<Schema> {
        let description = "A request: a UUID, and the number of its links.";
        text(description, REQUEST_ID, "0193b3f0-7c1e-7cc3-9a52-2f1d5c9e8a10-2")
    }
}

impl ToSchema for RequestId {
    fn name() -> Cow<'static, str> {
        "RequestId".into()
    }
}

impl PartialSchema for VideoId {
    fn schema() -> RefOr<Schema> {
        text("The eleven characters that name a video.", VIDEO_ID, "5fR9AHlSDtc")
    }
}

impl ToSchema for VideoId {
    fn name() -> Cow<'static, str> {
        "VideoId".into()
    }
}

fn text(description: &str, pattern: &str, example: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .pattern(Some(pattern))
        .examples([example])
        .into()
}
