//! The chapters on a video's progress bar.

use linkrelay_common::video::Chapter;
use serde_json::Value;

use super::{json, locate};

/// The key of the chapters that the author wrote; those of other lists are YouTube's own.
const OF_THE_AUTHOR: &str = "DESCRIPTION_CHAPTERS";

/// Returns the chapters, if the page has any. They may be in any list of any map of markers; those
/// that the author wrote come first.
pub(super) fn read(body: &[u8]) -> Option<Vec<Chapter>> {
    // Lists of other things have the same key; only a list with this renderer has chapters.
    if !locate::has(body, "\"chapterRenderer\":") {
        return None;
    }
    let mut of_youtube = None;
    for list in locate::values_of::<Vec<Value>>(body, b"\"markersMap\":").flatten() {
        let Some(chapters) = chapters(&list) else { continue };
        if json::text(&list, "key").as_deref() == Some(OF_THE_AUTHOR) {
            return Some(chapters);
        }
        of_youtube.get_or_insert(chapters);
    }
    of_youtube
}

fn chapters(list: &Value) -> Option<Vec<Chapter>> {
    let chapters = list.pointer("/value/chapters")?.as_array()?;
    let chapters: Vec<_> = chapters.iter().filter_map(chapter).collect();
    (!chapters.is_empty()).then_some(chapters)
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

    fn list(key: &str, title: &str) -> String {
        format!(
            r#"{{"key":"{key}","value":{{"chapters":[
            {{"chapterRenderer":{{"title":{{"simpleText":"{title}"}},"timeRangeStartMillis":0}}}},
            {{"chapterRenderer":{{"title":5,"timeRangeStartMillis":1}}}},
            {{"chapterRenderer":{{"title":{{"simpleText":"Two"}},"timeRangeStartMillis":61500}}}}]}}}}"#
        )
    }

    #[test]
    fn chapters_are_found_in_any_list_of_any_map_and_the_author_s_come_first() {
        let heat = r#"{"key":"HEATSEEKER","value":{"heatmap":{}}}"#;
        let author = list("DESCRIPTION_CHAPTERS", "author");
        let auto = list("AUTO_CHAPTERS", "auto");
        for (maps, first) in [
            (vec![format!("[{author}]")], "author"),
            (vec![format!("[{heat},{author}]")], "author"),
            (vec![format!("[{auto}]")], "auto"),
            (vec![format!("[{auto},{author}]")], "author"),
            (vec![format!("[{heat}]"), format!("[{auto}]")], "auto"),
            (
                vec!["[]".to_owned(), "null".to_owned(), "{}".to_owned(), format!("[{author}]")],
                "author",
            ),
            (vec![format!("[{auto}]"), format!("[{heat},{author}]")], "author"),
        ] {
            let body: String = maps.iter().map(|map| format!("\"markersMap\":{map},")).collect();
            let chapters = read(body.as_bytes()).unwrap();
            assert_eq!(chapters.len(), 2, "{body}");
            assert_eq!(chapters[0].title, first, "{body}");
            assert_eq!((chapters[1].title.as_str(), chapters[1].start_seconds), ("Two", 61));
        }
        assert_eq!(read(format!("\"markersMap\":[{heat}]").as_bytes()), None);
        assert_eq!(read(b"\"markersMap\":[],\"chapterRenderer\":{}"), None);
        assert_eq!(read(b""), None);
    }
}
