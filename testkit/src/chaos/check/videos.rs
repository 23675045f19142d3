//! Compares the rows of videos with the documents.

use std::collections::BTreeMap;

use mongodb::bson::DateTime;
use serde::Deserialize;

use super::FoundDocument;

/// The fields of a video's row that are checked.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::chaos) struct FoundRow {
    #[serde(rename = "_id")]
    pub(in crate::chaos) video_id: String,
    pub(in crate::chaos) newest: Option<FoundNewest>,
}

/// When the metadata of a row was found.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::chaos) struct FoundNewest {
    pub(in crate::chaos) extracted_at: Option<DateTime>,
}

/// A row for every video that has a document, not older than the newest of them, and no other.
/// `None` is less than every time.
pub(super) fn violations(documents: &[FoundDocument], rows: &[FoundRow]) -> Vec<String> {
    let mut videos: BTreeMap<&str, Option<DateTime>> = BTreeMap::new();
    for document in documents {
        let Some(video_id) = &document.video_id else { continue };
        let extracted_at = document.extracted_at.filter(|_| document.status == "stored");
        let newest = videos.entry(video_id).or_default();
        *newest = (*newest).max(extracted_at);
    }
    let mut violations = Vec::new();
    for FoundRow { video_id, newest } in rows {
        let shown = newest.as_ref().and_then(|newest| newest.extracted_at);
        match videos.remove(video_id.as_str()) {
            None => violations.push(format!("a row of {video_id}, which has no document")),
            Some(due) if shown < due => violations
                .push(format!("the row of {video_id} is of {shown:?}, and a document of {due:?}")),
            Some(_) => {}
        }
    }
    violations.extend(videos.keys().map(|video_id| format!("no row of {video_id}")));
    violations
}
