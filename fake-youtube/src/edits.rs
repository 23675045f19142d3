//! What a test changes in the generated answers about single videos.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// A change of the generated answers about one video, on every route. By default it changes
/// nothing.
#[derive(Debug, Clone, Copy)]
pub struct Edit {
    /// Changes each JSON about the video: the player response, `ytInitialData`, the answer of
    /// oEmbed and the item of the Data API.
    pub json: fn(&mut Value),
    /// Then these texts are replaced in the answer, for what no JSON value can hold: half an emoji,
    /// or bytes that are not UTF-8.
    pub bytes: &'static [(&'static str, &'static [u8])],
}

impl Default for Edit {
    fn default() -> Self {
        Self { json: |_| {}, bytes: &[] }
    }
}

/// The edits of a server, by the ids of their videos.
#[derive(Debug, Default)]
pub(crate) struct Edits(Mutex<HashMap<String, Edit>>);

impl Edits {
    pub(crate) fn set(&self, video_id: &str, edit: Edit) {
        let mut edits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        edits.insert(video_id.to_owned(), edit);
    }

    pub(crate) fn of(&self, video_id: &str) -> Edit {
        let edits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        edits.get(video_id).copied().unwrap_or_default()
    }
}
