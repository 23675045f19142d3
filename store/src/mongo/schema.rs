//! The indexes, made at start. Making one that is there already does nothing.

use mongodb::IndexModel;
use mongodb::bson::{Document, doc};

/// What the reads of today need, and no more: on SecantusDB three further ones, by video,
/// channel and time, made every insert four times as dear. A read that wants one brings it.
pub(super) fn indexes() -> [IndexModel; 1] {
    // The status of a request: its counts come from the index alone.
    [index(doc! { "request_id": 1, "index": 1, "status": 1 })]
}

/// For who asks by video; made on request alone.
pub(super) fn video_index() -> IndexModel {
    index(doc! { "video_id": 1, "status": 1, "extracted_at": -1 })
}

fn index(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).build()
}
