//! Reads single fields from JSON whose shape YouTube may change at any time.
//!
//! A field of the wrong type counts as missing, so that the other fields are still read.

use linkrelay_common::video::Thumbnail;
use serde_json::Value;

/// Whether a text shows nothing.
pub(crate) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Returns the text of this key; an empty text counts as missing.
pub(crate) fn text(object: &Value, key: &str) -> Option<String> {
    object.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Returns the whole number of this key, written as a number or as a text of digits.
pub(crate) fn count(object: &Value, key: &str) -> Option<u64> {
    match object.get(key)? {
        Value::String(digits) => digits.parse().ok(),
        number => number.as_u64(),
    }
}

/// Returns the number of pixels of this key.
pub(crate) fn pixels(object: &Value, key: &str) -> Option<u32> {
    count(object, key).and_then(|pixels| u32::try_from(pixels).ok())
}

/// Reads a thumbnail from its `url`, `width` and `height`; `None` without a URL.
pub(crate) fn thumbnail(value: &Value) -> Option<Thumbnail> {
    Some(Thumbnail {
        url: text(value, "url")?,
        width: pixels(value, "width"),
        height: pixels(value, "height"),
    })
}

/// Returns the texts in the list of this key.
pub(crate) fn texts(object: &Value, key: &str) -> Option<Vec<String>> {
    let list = object.get(key)?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Returns the `true` or `false` of this key.
pub(crate) fn flag(object: &Value, key: &str) -> Option<bool> {
    object.get(key)?.as_bool()
}

/// Returns all values of this key at any depth, without those within such a value.
pub(crate) fn all<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
    match value {
        Value::Object(members) => {
            let found = |(name, member)| if name == key { vec![member] } else { all(member, key) };
            members.iter().flat_map(found).collect()
        }
        Value::Array(items) => items.iter().flat_map(|item| all(item, key)).collect(),
        _ => Vec::new(),
    }
}

/// Returns the text of this key in either of YouTube's two forms of formatted text:
/// `{"simpleText": …}` and `{"runs": [{"text": …}]}`.
pub(crate) fn formatted_text(object: &Value, key: &str) -> Option<String> {
    let formatted = object.get(key)?;
    if let Some(simple) = text(formatted, "simpleText") {
        return Some(simple);
    }
    let runs = formatted.get("runs")?.as_array()?;
    let joined: String = runs.iter().filter_map(|run| text(run, "text")).collect();
    Some(joined).filter(|joined| !joined.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_count_may_be_a_number_or_its_digits() {
        let object = json!({"a": 7, "b": "2001156445", "c": "1,5", "d": -1, "e": [], "f": ""});
        assert_eq!(count(&object, "a"), Some(7));
        assert_eq!(count(&object, "b"), Some(2_001_156_445));
        for key in ["c", "d", "e", "f", "missing"] {
            assert_eq!(count(&object, key), None, "{key}");
        }
    }

    #[test]
    fn both_forms_of_formatted_text_are_read() {
        let object = json!({
            "simple": {"simpleText": "one"},
            "runs": {"runs": [{"text": "tw"}, {"other": 1}, {"text": "o"}]},
            "empty": {"runs": []},
            "odd": "text",
        });
        assert_eq!(formatted_text(&object, "simple").as_deref(), Some("one"));
        assert_eq!(formatted_text(&object, "runs").as_deref(), Some("two"));
        assert_eq!(formatted_text(&object, "empty"), None);
        assert_eq!(formatted_text(&object, "odd"), None);
    }
}
