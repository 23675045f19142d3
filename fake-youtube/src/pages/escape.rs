//! Escapes text in the markup of a page, and JSON in its scripts.

use serde_json::Value;

/// Escapes text for an element or an attribute in double quotes.
pub(crate) fn html(text: &str) -> String {
    // `&` comes first, as the other replacements insert it.
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// Writes JSON as YouTube does: `<`, `>` and `&` as `\u003c`, `\u003e` and `\u0026`, so that no
/// text can end the script. All else is unchanged, so `};` may be in a string.
pub(crate) fn json(value: &Value) -> String {
    // In JSON, these three occur only in strings.
    let plain = value.to_string();
    plain.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
