//! Text in its two wrappings: inside a page's markup, and JSON inside a page's script.

use serde_json::Value;

/// Text for an element or an attribute in double quotes.
pub(crate) fn html(text: &str) -> String {
    // `&` goes first: the others put new ones in.
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// JSON as YouTube writes it: `<`, `>` and `&` as `\u003c`, `\u003e` and `\u0026`, so that no text
/// can end the script, and everything else as it is, so that `};` may be in a string.
pub(crate) fn json(value: &Value) -> String {
    // None of the three has a meaning in JSON outside of a string.
    let plain = value.to_string();
    plain.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
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
