//! Prepares a watch page for the crate, which reads the JSON of a script as HTML text.
//!
//! Without this, the crate returns `&`, `<`, `>` and no-break spaces in every text as entities, as
//! if the author had typed `&amp;`; undone afterwards, what an author did type would change as
//! well. And it reads nothing from JSON that is not quite Unicode.

use bytes::Bytes;
use memchr::memmem;

use crate::body;

/// The assignments whose JSON the crate reads.
const ASSIGNMENTS: [&[u8]; 2] = [b"var ytInitialPlayerResponse =", b"var ytInitialData ="];

/// Returns the page with JSON that means the same to the crate as to any reader of JSON.
pub(super) fn prepared(page: &[u8]) -> Bytes {
    let mut values: Vec<_> = ASSIGNMENTS.iter().flat_map(|name| values(page, name)).collect();
    values.sort_unstable();
    let mut prepared = Vec::with_capacity(page.len() + page.len() / 16);
    let mut from = 0;
    for (start, end) in values {
        // A text of the first JSON may look like the second.
        if start >= from {
            prepared.extend_from_slice(&page[from..start]);
            escape(&body::lossy(&page[start..end]), &mut prepared);
            from = end;
        }
    }
    prepared.extend_from_slice(&page[from..]);
    Bytes::from(prepared)
}

/// Returns where the JSON values that are assigned to this name begin and end.
fn values<'a>(page: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = (usize, usize)> + 'a {
    memmem::find_iter(page, name).filter_map(move |at| {
        let start = at + name.len();
        Some((start, start + body::length(&page[start..])?))
    })
}

/// Writes a JSON text without characters that HTML escapes. All of them are in texts, where an
/// escape of JSON means the same.
fn escape(json: &[u8], into: &mut Vec<u8>) {
    const SPACE: &[u8] = "\u{a0}".as_bytes();
    let mut rest = json;
    while let Some((byte, after)) = rest.split_first() {
        let escaped: Option<&[u8]> = match byte {
            b'&' => Some(br"\u0026"),
            b'<' => Some(br"\u003c"),
            b'>' => Some(br"\u003e"),
            _ => None,
        };
        if let Some(escaped) = escaped {
            into.extend_from_slice(escaped);
            rest = after;
        } else if let Some(after) = rest.strip_prefix(SPACE) {
            into.extend_from_slice(br"\u00a0");
            rest = after;
        } else {
            into.push(*byte);
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared_text(page: &[u8]) -> String {
        String::from_utf8_lossy(&prepared(page)).into_owned()
    }

    #[test]
    fn only_the_json_that_the_crate_reads_is_changed() {
        for (page, expected) in [
            (
                "<p>a &amp; b</p><script>var ytInitialPlayerResponse = {\"a\":\"1 & 2 < 3 > 2\"};a && b</script>",
                r#"<p>a &amp; b</p><script>var ytInitialPlayerResponse = {"a":"1 \u0026 2 \u003c 3 \u003e 2"};a && b</script>"#,
            ),
            (
                "var ytInitialData = {\"a\":\"\u{a0}é&amp;\"};",
                r#"var ytInitialData = {"a":"\u00a0é\u0026amp;"};"#,
            ),
            (
                r#"var ytInitialData = {"a":"var ytInitialPlayerResponse = {} &","b":"\ud83d"} &"#,
                r#"var ytInitialData = {"a":"var ytInitialPlayerResponse = {} \u0026","b":"\ufffd"} &"#,
            ),
            ("var ytInitialData = {\"a\":\"&", "var ytInitialData = {\"a\":\"&"),
            ("ytInitialData = 1 & 2", "ytInitialData = 1 & 2"),
            ("", ""),
        ] {
            assert_eq!(prepared_text(page.as_bytes()), expected);
        }
    }
}
