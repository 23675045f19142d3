//! A text that a client submits: what is found in it names the same video in every part of
//! linkrelay, and nothing but an id reaches a URL.

use linkrelay_common::link::split;
use linkrelay_common::{LinkTarget, parse_link, parse_target};

/// Checks what is found in a text.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let pieces = split(&text);
    assert!(!pieces.is_empty(), "a text is at least one piece");
    for piece in &pieces {
        assert_eq!(split(piece), [piece.as_str()], "a piece is split again");
        check_target(piece);
    }
    // The whole text is one link if it is one piece.
    if let [piece] = pieces.as_slice() {
        assert_eq!(parse_target(&text), parse_target(piece), "a piece names what its text names");
    }
}

fn check_target(piece: &str) {
    match parse_target(piece) {
        Ok(LinkTarget::Video(video_id)) => {
            let id = video_id.as_str();
            let is_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            assert!(id.len() == 11 && id.bytes().all(is_id), "{id} is no id");
            assert_eq!(parse_link(&video_id.watch_url()), Ok(video_id));
            assert_eq!(parse_link(piece), Ok(video_id));
        }
        Ok(LinkTarget::List(list)) => {
            let url = list.url();
            assert_eq!(parse_target(&url), Ok(LinkTarget::List(list.clone())), "{list}");
            assert!(parse_link(piece).is_err());
        }
        Err(error) => assert!(!error.to_string().is_empty() && !error.code().is_empty()),
    }
}

/// Links as people paste them.
pub fn seeds() -> Vec<Vec<u8>> {
    [
        "https://www.youtube.com/watch?v=5fR9AHlSDtc",
        "youtu.be/5fR9AHlSDtc?t=10, https://m.youtube.com/shorts/dQw4w9WgXcQ!",
        "[a video](https://www.youtube.com/embed/5fR9AHlSDtc) and <https://youtu.be/dQw4w9WgXcQ>",
        "<a href=\"https://www.youtube.com/watch?v=5fR9AHlSDtc&amp;list=PLx\">x</a>",
        "https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3D5fR9AHlSDtc",
        "https://www.google.com/url?q=https%3A%2F%2Fyoutu.be%2F5fR9AHlSDtc&sa=D",
        "https://www.youtube.com/attribution_link?u=%2Fwatch%3Fv%3D5fR9AHlSDtc",
        "https:\\/\\/www.youtube.com\\/watch?v\\u003d5fR9AHlSDtc",
        "https://www.youtube.com/watch_videos?video_ids=5fR9AHlSDtc,dQw4w9WgXcQ",
        "https://www.youtube.com/playlist?list=PL0123456789abcdef",
        "https://www.youtube.com/@name.of-a_channel/videos https://www.youtube.com/user/name",
        "https://www.youtube.com/channel/UC0123456789012345678901",
        "@name.#x",
        "https://youtu.be/5fR9AHlSDtchttps://youtu.be/dQw4w9WgXcQ",
        "https://example.com/?u=https://youtu.be/5fR9AHlSDtc",
        "5fR9AHlSDtc\ndQw4w9WgXcQ",
        "\u{201c}https://youtu.be/5fR9AHlSDtc\u{201d}\u{2026} \u{200b}www.youtube.com./watch/?v=5fR9AHlSDtc#t",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
