//! Reading single fields out of JSON whose shape is not ours and may change any day.
//!
//! A field of the wrong type counts as missing: one odd field must not cost the others.

use serde_json::Value;

/// A text that is there and not empty.
pub(crate) fn text(object: &Value, key: &str) -> Option<String> {
    object.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A whole number, written as such or as digits in a text.
pub(crate) fn count(object: &Value, key: &str) -> Option<u64> {
    match object.get(key)? {
        Value::String(digits) => digits.parse().ok(),
        number => number.as_u64(),
    }
}

/// `true` or `false`.
pub(crate) fn flag(object: &Value, key: &str) -> Option<bool> {
    object.get(key)?.as_bool()
}

/// The text of YouTube's two forms of words: `{"simpleText": …}` and `{"runs": [{"text": …}]}`.
pub(crate) fn words(object: &Value, key: &str) -> Option<String> {
    let words = object.get(key)?;
    if let Some(simple) = text(words, "simpleText") {
        return Some(simple);
    }
    let runs = words.get("runs")?.as_array()?;
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
    fn both_forms_of_words_are_read() {
        let object = json!({
            "simple": {"simpleText": "one"},
            "runs": {"runs": [{"text": "tw"}, {"other": 1}, {"text": "o"}]},
            "empty": {"runs": []},
            "odd": "text",
        });
        assert_eq!(words(&object, "simple").as_deref(), Some("one"));
        assert_eq!(words(&object, "runs").as_deref(), Some("two"));
        assert_eq!(words(&object, "empty"), None);
        assert_eq!(words(&object, "odd"), None);
    }
}
