//! The indexes, made at start. Making one that is there already does nothing.

use mongodb::IndexModel;
use mongodb::bson::{Document, doc};

/// What the API's reads need, and no more: each index costs every write (on SecantusDB these four
/// make an insert four times as dear).
pub(super) fn indexes() -> [IndexModel; 4] {
    [
        // The status of a request: its counts come from the index alone.
        index(doc! { "request_id": 1, "index": 1, "status": 1 }),
        // All documents of a video or of a channel, newest first.
        index(doc! { "video_id": 1, "stored_at": -1 }),
        index(doc! { "video.author.channel_id": 1, "stored_at": -1 }),
        // Everything, newest first.
        index(doc! { "stored_at": -1 }),
    ]
}

fn index(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).build()
}
