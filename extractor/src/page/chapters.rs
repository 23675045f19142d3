//! The chapters on a video's progress bar.

use linkrelay_common::video::Chapter;
use serde_json::Value;

use super::{json, locate};

/// Returns the chapters, if the page has any.
pub(super) fn read(body: &[u8]) -> Option<Vec<Chapter>> {
    // Lists of other things have the same key; only a list with this renderer has chapters.
    let lists: Value = locate::has(body, "\"chapterRenderer\":")
        .then(|| locate::value_of(body, b"\"markersMap\":"))
        .flatten()?;
    lists.as_array()?.iter().find_map(|marker| {
        let chapters = marker.pointer("/value/chapters")?.as_array()?;
        let chapters: Vec<_> = chapters.iter().filter_map(chapter).collect();
        (!chapters.is_empty()).then_some(chapters)
    })
}

fn chapter(value: &Value) -> Option<Chapter> {
    let renderer = value.get("chapterRenderer")?;
    Some(Chapter {
        title: json::formatted_text(renderer, "title")?,
        start_seconds: json::count(renderer, "timeRangeStartMillis")? / 1_000,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chapters_are_read_from_the_first_list_that_has_them() {
        let body = br#""markersMap":[{"key":"HEATSEEKER","value":{"heatmap":{}}},
            {"key":"DESCRIPTION_CHAPTERS","value":{"chapters":[
            {"chapterRenderer":{"title":{"simpleText":"One"},"timeRangeStartMillis":0}},
            {"chapterRenderer":{"title":5,"timeRangeStartMillis":1}},
            {"chapterRenderer":{"title":{"simpleText":"Two"},"timeRangeStartMillis":61500}}]}}]"#;
        let chapters = read(body).unwrap();
        assert_eq!(chapters.len(), 2);
        assert_eq!((chapters[1].title.as_str(), chapters[1].start_seconds), ("Two", 61));
        assert_eq!(read(b"\"markersMap\":[]"), None);
        assert_eq!(read(b""), None);
    }
}
