//! Text in its two wrappings: inside a page's markup, and JSON inside a page's script.

use serde_json::Value;

/// Text for an element or an attribute in double quotes.
pub(crate) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// JSON as YouTube writes it: `<`, `>` and `&` as `\u003c`, `\u003e` and `\u0026` (so that no text can end
/// the script), everything else as it is, so `};` may well stand in a string.
pub(crate) fn json(value: &Value) -> String {
    let plain = value.to_string();
    let mut escaped = String::with_capacity(plain.len() + 64);
    for character in plain.chars() {
        // None of the three has a meaning in JSON outside of a string.
        match character {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_json_ends_no_script_and_means_the_same() {
        let value = serde_json::json!({"a<b": "</script><!-- & \"};' \\u003c", "n": [1, null]});
        let escaped = json(&value);
        assert!(!escaped.contains(['<', '>', '&']), "{escaped}");
        assert_eq!(serde_json::from_str::<Value>(&escaped).unwrap(), value);
    }

    #[test]
    fn escaped_markup_has_no_character_with_a_meaning() {
        assert_eq!(html(r#"<a href="x">'&"#), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }
}
