//! The table of links that docs/LINKS.md shows, and properties of all links.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// A text, and what each piece of it names, or the code with which it is refused.
type Row = (&'static str, &'static str);

const VIDEO: &str = "5fR9AHlSDtc";
const BOTH: &str = "5fR9AHlSDtc, dQw4w9WgXcQ";
const CHANNEL: &str = "UC0123456789012345678901";

const TABLE: &[(&str, &[Row])] = &[
    ("Addresses of a video", ADDRESSES),
    ("One link among other things", AMONG_OTHER_THINGS),
    ("Addresses that lead to a video", REDIRECTS),
    ("Several links in one text", SEVERAL),
    ("Playlists and channels", LISTS),
    ("What is refused", REFUSED),
];

const ADDRESSES: &[Row] = &[
    ("https://www.youtube.com/watch?v=5fR9AHlSDtc", VIDEO),
    ("http://youtube.com/watch?v=5fR9AHlSDtc&t=42s&list=PL1&index=3", VIDEO),
    ("https://www.youtube.com/watch?app=desktop&v=5fR9AHlSDtc#at", VIDEO),
    ("https://youtu.be/5fR9AHlSDtc?si=abc", VIDEO),
    ("youtu.be/5fR9AHlSDtc", VIDEO),
    ("//youtu.be/5fR9AHlSDtc", VIDEO),
    ("https:/youtu.be/5fR9AHlSDtc", VIDEO),
    ("https:youtu.be/5fR9AHlSDtc", VIDEO),
    ("youtu.be/watch?v=5fR9AHlSDtc", VIDEO),
    ("https://youtu.be/shorts/5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/shorts/5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/live/5fR9AHlSDtc?feature=share", VIDEO),
    ("https://www.youtube.com/embed/5fR9AHlSDtc?origin=https://example.com", VIDEO),
    ("https://www.youtube.com/v/5fR9AHlSDtc&hl=en", VIDEO),
    ("https://www.youtube.com/e/5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/watch/5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/?v=5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/watch_popup?v=5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/live_chat?is_popout=1&v=5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/movie?v=5fR9AHlSDtc", VIDEO),
    ("https://m.youtube.com/#/watch?v=5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/watch#!v=5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/user/someone#p/u/1/5fR9AHlSDtc", VIDEO),
    ("https://music.youtube.com/watch?v=5fR9AHlSDtc", VIDEO),
    ("https://m.youtube.com/watch?v=5fR9AHlSDtc", VIDEO),
    ("https://gaming.youtube.com/watch?v=5fR9AHlSDtc", VIDEO),
    ("https://tv.youtube.com/watch/5fR9AHlSDtc", VIDEO),
    ("https://de.youtube.com/watch?v=5fR9AHlSDtc", VIDEO),
    ("https://studio.youtube.com/video/5fR9AHlSDtc/edit", VIDEO),
    ("https://www.youtubekids.com/watch?v=5fR9AHlSDtc", VIDEO),
    ("https://www.youtubeeducation.com/embed/5fR9AHlSDtc", VIDEO),
    ("https://www.youtube-nocookie.com/embed/5fR9AHlSDtc", VIDEO),
    ("https://youtube.googleapis.com/v/5fR9AHlSDtc", VIDEO),
    ("https://i.ytimg.com/vi/5fR9AHlSDtc/hqdefault.jpg", VIDEO),
    ("https://i9.ytimg.com/vi_webp/5fR9AHlSDtc/sddefault.webp?v=1", VIDEO),
    ("https://img.youtube.com/vi/5fR9AHlSDtc/0.jpg", VIDEO),
    ("HTTPS://WWW.YOUTUBE.COM/watch?v=5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com./watch?v=5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com//watch?v=5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com:443/watch?v=5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/watch?v=%35fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/watch%3Fv%3D5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/watch?v%3D5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/watch&v=5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/watch?v=5fR9AHlSDtc?t=10", VIDEO),
    ("https://www.youtube.com/watch?feature=shared?v=5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/watch?v=&v=5fR9AHlSDtc", VIDEO),
    ("5fR9AHlSDtc", VIDEO),
];

const AMONG_OTHER_THINGS: &[Row] = &[
    ("  https://youtu.be/5fR9AHlSDtc \r\n", VIDEO),
    ("\u{feff}https://youtu.be/5fR9AHlSDtc", VIDEO),
    ("https://youtu.be/\u{200b}5fR9AHlSDtc\u{200b}", VIDEO),
    ("\u{2068}https://youtu.be/5fR9AHlSDtc\u{2069}", VIDEO),
    ("https://www.youtube.com/watch?app=desktop&amp;v=5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/watch?app=desktop&amp;amp;v=5fR9AHlSDtc", VIDEO),
    ("https:&#x2F;&#47;youtu.be/5fR9AHlSDtc", VIDEO),
    ("https:\\/\\/youtu.be\\/5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/watch\\?v\\=5fR9AHlSDtc\\&t\\=1", VIDEO),
    ("https://www.youtube.com/watch?app=m\\u0026v\\u003d5fR9AHlSDtc", VIDEO),
    ("https%3A%2F%2Fyoutu.be%2F5fR9AHlSDtc", VIDEO),
    ("https%253A%252F%252Fwww.youtube.com%252Fwatch%253Fv%253D5fR9AHlSDtc", VIDEO),
    ("https://youtu.be/5fR9AHlSDtc.", VIDEO),
    ("(https://youtu.be/5fR9AHlSDtc)", VIDEO),
    ("https://youtu.be/5fR9AHlSDtc]", VIDEO),
    ("\"https://youtu.be/5fR9AHlSDtc\"", VIDEO),
    ("'https://youtu.be/5fR9AHlSDtc',", VIDEO),
    ("\u{201c}https://youtu.be/5fR9AHlSDtc\u{201d}", VIDEO),
    ("<https://youtu.be/5fR9AHlSDtc>", VIDEO),
    ("`https://youtu.be/5fR9AHlSDtc`", VIDEO),
    ("**https://youtu.be/5fR9AHlSDtc**", VIDEO),
    ("_https://youtu.be/5fR9AHlSDtc_", VIDEO),
    ("https://youtu.be/5fR9AHlSDtc_", VIDEO),
    ("> https://youtu.be/5fR9AHlSDtc", VIDEO),
    ("[a song](https://youtu.be/5fR9AHlSDtc \"title\")", VIDEO),
    ("[https://youtu.be/5fR9AHlSDtc](https://youtu.be/5fR9AHlSDtc)", VIDEO),
    ("![cover](https://i.ytimg.com/vi/5fR9AHlSDtc/hqdefault.jpg)", VIDEO),
    ("<a href=\"https://youtu.be/5fR9AHlSDtc\">youtu.be/5fR9\u{2026}</a>", VIDEO),
    ("<iframe src='https://www.youtube.com/embed/5fR9AHlSDtc'></iframe>", VIDEO),
    ("see https://youtu.be/5fR9AHlSDtc, please!", VIDEO),
    ("link:youtu.be/5fR9AHlSDtc", VIDEO),
    ("view-source:https://www.youtube.com/watch?v=5fR9AHlSDtc", VIDEO),
    ("https://youtu.be/5fR9AHlSDtc\u{3092}\u{898b}\u{3066}", VIDEO),
    ("\u{300c}https://youtu.be/5fR9AHlSDtc\u{300d}", VIDEO),
];

const REDIRECTS: &[Row] = &[
    (
        "https://www.youtube.com/attribution_link?a=x&u=%2Fwatch%3Fv%3D5fR9AHlSDtc%26feature%3Dshare",
        VIDEO,
    ),
    (
        "https://consent.youtube.com/m?continue=https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3D5fR9AHlSDtc&gl=DE",
        VIDEO,
    ),
    ("https://www.youtube.com/signin?next=%2Fwatch%3Fv%3D5fR9AHlSDtc", VIDEO),
    (
        "https://accounts.google.com/ServiceLogin?continue=https%3A%2F%2Fwww.youtube.com%2Fsignin%3Fnext%3D%252Fwatch%253Fv%253D5fR9AHlSDtc",
        VIDEO,
    ),
    (
        "https://www.youtube.com/redirect?event=video_description&q=https%3A%2F%2Fyoutu.be%2F5fR9AHlSDtc&v=dQw4w9WgXcQ",
        VIDEO,
    ),
    ("https://www.youtube.com/oembed?format=json&url=https://youtu.be/5fR9AHlSDtc", VIDEO),
    ("https://www.youtube.com/watch?v=https://youtu.be/5fR9AHlSDtc", VIDEO),
    (
        "https://www.google.com/url?sa=t&url=https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3D5fR9AHlSDtc&usg=x",
        VIDEO,
    ),
    ("https://www.google.co.uk/url?q=https://www.youtube.com/watch?v=5fR9AHlSDtc", VIDEO),
    (
        "https://l.facebook.com/l.php?u=https%3A%2F%2Fyoutu.be%2F5fR9AHlSDtc%3Ffbclid%3DIwAR&h=AT",
        VIDEO,
    ),
    ("https://l.instagram.com/?u=https%3A%2F%2Fyoutu.be%2F5fR9AHlSDtc&e=AT", VIDEO),
    ("https://out.reddit.com/t3_x?url=https%3A%2F%2Fyoutu.be%2F5fR9AHlSDtc&token=x", VIDEO),
    ("https://steamcommunity.com/linkfilter/?u=https%3A%2F%2Fyoutu.be%2F5fR9AHlSDtc", VIDEO),
    ("https://vk.com/away.php?to=https%3A%2F%2Fyoutu.be%2F5fR9AHlSDtc", VIDEO),
    ("https://t.umblr.com/redirect?z=https%3A%2F%2Fyoutu.be%2F5fR9AHlSDtc&t=x", VIDEO),
    ("https://href.li/?https://youtu.be/5fR9AHlSDtc", VIDEO),
    ("https://www.linkedin.com/safety/go?url=https%3A%2F%2Fyoutu.be%2F5fR9AHlSDtc", VIDEO),
    (
        "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fyoutu.be%2F5fR9AHlSDtc&data=05",
        VIDEO,
    ),
    ("https://urldefense.com/v3/__https://www.youtube.com/watch?v=5fR9AHlSDtc__;!!abc$", VIDEO),
    (
        "https://urldefense.proofpoint.com/v2/url?u=https-3A__www.youtube.com_watch-3Fv-3D5fR9AHlSDtc&d=x",
        VIDEO,
    ),
    (
        "https://duckduckgo.com/l/?uddg=https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3D5fR9AHlSDtc&rut=x",
        VIDEO,
    ),
    ("https://www.bing.com/ck/a?!&&p=x&u=a1aHR0cHM6Ly95b3V0dS5iZS81ZlI5QUhsU0R0Yw&ntb=1", VIDEO),
    ("https://r.search.yahoo.com/_ylt=x/RU=https%3a%2f%2fyoutu.be%2f5fR9AHlSDtc/RK=2/RS=x", VIDEO),
    ("https://slack-redir.net/link?url=https%3A%2F%2Fyoutu.be%2F5fR9AHlSDtc", VIDEO),
    ("https://link.zhihu.com/?target=https%3A//youtu.be/5fR9AHlSDtc", VIDEO),
    ("https://t.me/share/url?url=https%3A%2F%2Fyoutu.be%2F5fR9AHlSDtc", VIDEO),
];

const SEVERAL: &[Row] = &[
    ("https://youtu.be/5fR9AHlSDtc?si=x\nhttps://youtu.be/dQw4w9WgXcQ?si=y", BOTH),
    ("https://youtu.be/5fR9AHlSDtc https://youtu.be/dQw4w9WgXcQ", BOTH),
    ("https://youtu.be/5fR9AHlSDtc,https://youtu.be/dQw4w9WgXcQ", BOTH),
    ("youtu.be/5fR9AHlSDtc,youtu.be/dQw4w9WgXcQ", BOTH),
    ("https://youtu.be/5fR9AHlSDtc; www.youtube.com/watch?v=dQw4w9WgXcQ", BOTH),
    ("https://youtu.be/5fR9AHlSDtchttps://youtu.be/dQw4w9WgXcQ", BOTH),
    ("https://youtu.be/5fR9AHlSDtc/https://youtu.be/dQw4w9WgXcQ", BOTH),
    ("https://youtu.be/5fR9AHlSDtc-https://youtu.be/dQw4w9WgXcQ", BOTH),
    ("https://youtu.be/5fR9AHlSDtc\\nhttps://youtu.be/dQw4w9WgXcQ", BOTH),
    ("https://youtu.be/5fR9AHlSDtc\u{3001}https://youtu.be/dQw4w9WgXcQ", BOTH),
    ("1. https://youtu.be/5fR9AHlSDtc (first)\n2. https://youtu.be/dQw4w9WgXcQ", BOTH),
    ("[one](https://youtu.be/5fR9AHlSDtc) and [two](https://youtu.be/dQw4w9WgXcQ)", BOTH),
    ("https%3A%2F%2Fyoutu.be%2F5fR9AHlSDtc%0Ahttps%3A%2F%2Fyoutu.be%2FdQw4w9WgXcQ", BOTH),
    ("5fR9AHlSDtc\ndQw4w9WgXcQ", BOTH),
    ("https://www.youtube.com/watch_videos?video_ids=5fR9AHlSDtc,dQw4w9WgXcQ", BOTH),
    ("https://youtu.be/5fR9AHlSDtc https://example.com/a", "5fR9AHlSDtc, not_youtube"),
    ("https://youtu.be/5fR9AHlSDtc https://youtu.be/dQw4", "5fR9AHlSDtc, bad_video_id"),
];

const LISTS: &[Row] = &[
    ("https://www.youtube.com/playlist?list=PLrAXtmErZgOeiKm4", "PLrAXtmErZgOeiKm4"),
    ("m.youtube.com/playlist?app=desktop&list=UU_01-23", "UU_01-23"),
    ("https://music.youtube.com/playlist?list=OLAK5uy_abc", "OLAK5uy_abc"),
    ("https://www.youtube.com/embed/videoseries?list=PL1", "PL1"),
    ("https://www.youtube.com/channel/UC0123456789012345678901", CHANNEL),
    ("https://youtube.com/channel/UC0123456789012345678901/videos", CHANNEL),
    ("https://www.youtube.com/@some.one/featured", "@some.one"),
    ("https://www.youtube.com/%40some-one", "@some-one"),
    ("https://www.youtube.com/@m%C3%BCller", "@m\u{fc}ller"),
    ("https://www.youtube.com/@mu\u{308}ller", "@m\u{fc}ller"),
    (
        "https://www.youtube.com/@\u{e17}\u{e35}\u{e48}\u{e19}\u{e35}\u{e48}",
        "@\u{e17}\u{e35}\u{e48}\u{e19}\u{e35}\u{e48}",
    ),
    (
        "https://www.youtube.com/@\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}",
        "@\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}",
    ),
    ("https://m.youtube.com/user/someone", "user/someone"),
];

const REFUSED: &[Row] = &[
    ("", "not_a_url"),
    ("hello", "not_a_url"),
    ("hello world", "not_a_url"),
    ("accordingly", "not_a_url"),
    ("Accordingly", "not_a_url"),
    ("the id is 5fR9AHlSDtc", "not_a_url"),
    ("/watch?v=5fR9AHlSDtc", "not_a_url"),
    ("ftp://youtube.com/watch?v=5fR9AHlSDtc", "not_a_url"),
    ("javascript:alert(1)", "not_a_url"),
    ("https://", "not_a_url"),
    ("example.com/watch?v=5fR9AHlSDtc", "not_youtube"),
    ("https://example.com/watch?v=5fR9AHlSDtc", "not_youtube"),
    ("https://example.com/?u=https://youtu.be/5fR9AHlSDtc", "not_youtube"),
    ("https://web.archive.org/web/2020/https://www.youtube.com/watch?v=5fR9AHlSDtc", "not_youtube"),
    ("https://youtube.com.example.com/watch?v=5fR9AHlSDtc", "not_youtube"),
    ("https://www.youtube.com@example.com/watch?v=5fR9AHlSDtc", "not_youtube"),
    ("https://notyoutube.com/watch?v=5fR9AHlSDtc", "not_youtube"),
    ("https://127.0.0.1/watch?v=5fR9AHlSDtc", "not_youtube"),
    ("https://www.youtube.com/redirect?q=https%3A%2F%2Fexample.com&v=5fR9AHlSDtc", "not_youtube"),
    ("https://t.co/abc", "short_address"),
    ("https://www.youtube.com/", "no_video_id"),
    ("https://www.youtube.com/watch", "no_video_id"),
    ("https://www.youtube.com/watch?v=", "no_video_id"),
    ("https://www.youtube.com/results?search_query=cats", "no_video_id"),
    ("https://www.youtube.com/hashtag/cats", "no_video_id"),
    ("https://yt3.ytimg.com/a", "no_video_id"),
    ("https://youtu.be/", "no_video_id"),
    ("https://www.youtube.com/clip/UgkxAbCdEf", "clip"),
    ("https://youtu.be/short", "bad_video_id"),
    ("https://www.youtube.com/watch?v=5fR9AHlSDt", "bad_video_id"),
    ("https://www.youtube.com/watch?v=5fR9AHlSDtcc", "bad_video_id"),
    ("https://www.youtube.com/watch_videos?video_ids=5fR9AHlSDtc,short", "no_video_id"),
    ("https://www.youtube.com/@someone/live", "channel_tab"),
    ("https://www.youtube.com/@someone/shorts", "channel_tab"),
    ("https://www.youtube.com/channel/UC0123456789012345678901/streams", "channel_tab"),
    ("https://www.youtube.com/c/someone", "unknown_channel"),
    ("https://www.youtube.com/embed/live_stream?channel=UC1", "unknown_channel"),
    ("https://www.youtube.com/playlist", "bad_list_name"),
    ("https://www.youtube.com/playlist?list=", "bad_list_name"),
    ("https://www.youtube.com/playlist?list=PL%2f..%2f", "bad_list_name"),
    ("https://www.youtube.com/channel", "bad_list_name"),
    ("https://www.youtube.com/channel/UC1", "bad_list_name"),
    ("https://www.youtube.com/channel/AA0123456789012345678901", "bad_list_name"),
    ("https://www.youtube.com/user/", "bad_list_name"),
    ("https://www.youtube.com/@", "bad_list_name"),
    ("https://www.youtube.com/@some%20one", "bad_list_name"),
    ("https://www.youtube.com/@%ff", "bad_list_name"),
];

fn named(text: &str) -> String {
    let one = |piece: &String| match parse_target(piece) {
        Ok(target) => target.key().into_owned(),
        Err(error) => error.code().to_owned(),
    };
    split(text).iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn every_link_of_the_table_names_what_it_says() {
    let rows = || TABLE.iter().flat_map(|(_, rows)| *rows);
    assert!(rows().count() >= 150, "{}", rows().count());
    let wrong: Vec<_> = rows()
        .filter(|(text, names)| named(text) != *names)
        .map(|(text, names)| format!("{text:?}: {}, not {names}", named(text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_list_is_refused_where_a_video_is_asked_for() {
    for (link, _) in LISTS {
        let refused = parse_link(link).map_err(LinkError::code);
        assert!(matches!(refused, Err("playlist" | "channel")), "{link}");
    }
}

#[test]
fn a_link_that_is_too_long_and_several_links_are_refused() {
    let long = format!("https://www.youtube.com/watch?v=5fR9AHlSDtc&x={}", "a".repeat(2_048));
    assert_eq!(parse_link(&long), Err(LinkError::TooLong));
    let (several, _) = SEVERAL[0];
    assert_eq!(parse_link(several), Err(LinkError::SeveralLinks));
}

/// Writes the page if UPDATE_DOCS is set.
#[test]
fn docs_links_md_is_this_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/LINKS.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/LINKS.md is old: UPDATE_DOCS=1 cargo test -p linkrelay-common"
    );
}

fn page() -> String {
    let mut page = "# Links\nWhat linkrelay understands in a text that is sent as a link, in HTTP \
        bodies, Kafka records and files. This page is written by the tests of `common/src/link`.\n\n\
        A text is split into its links first; each is counted, stored and answered for by itself. \
        A piece names a video, a playlist or a channel, or it is refused with a code.\n"
        .to_owned();
    for (title, rows) in TABLE {
        let _ = writeln!(page, "\n## {title}\n| text | names, or is refused with |\n|---|---|");
        for (text, names) in *rows {
            let shown: String = text.chars().map(shown).collect();
            let _ = writeln!(page, "| <code>{shown}</code> | {} |", names.replace('_', "\\_"));
        }
    }
    page
}

/// A character for a cell of a Markdown table, with what cannot be seen written out.
fn shown(char: char) -> String {
    match char {
        '&' | '<' | '>' | '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '"' | '\'' | '~' => {
            format!("&#{};", u32::from(char))
        }
        '\n' => "&#92;n".to_owned(),
        '\r' => "&#92;r".to_owned(),
        char if char.is_ascii() || char.is_alphanumeric() => char.to_string(),
        '\u{201c}' | '\u{201d}' | '\u{300c}' | '\u{300d}' | '\u{3001}' | '\u{2026}' => {
            char.to_string()
        }
        char if unicode_normalization::char::is_combining_mark(char) => char.to_string(),
        char => format!("U+{:04X}", u32::from(char)),
    }
}

proptest! {
    #[test]
    fn any_text_is_answered_without_a_panic(text in "\\PC{0,80}") {
        let _answer = parse_link(&text);
    }

    #[test]
    fn every_id_survives_its_own_watch_url(id in "[A-Za-z0-9_-]{11}") {
        let parsed = parse_link(&format!("https://www.youtube.com/watch?v={id}"))?;
        prop_assert_eq!(parsed.as_str(), id.as_str());
        prop_assert_eq!(parse_link(&parsed.watch_url())?, parsed);
        // The short way of the plainest addresses agrees with the long one.
        for link in [parsed.watch_url(), format!("https://youtu.be/{id}")] {
            prop_assert_eq!(plainest_video(&link), Some(parsed));
            prop_assert_eq!(target_of(&link)?, LinkTarget::Video(parsed));
        }
    }

    #[test]
    fn every_list_survives_its_own_url(
        id in "[A-Za-z0-9_-]{2,64}", channel in "UC[A-Za-z0-9_-]{22}", name in "\\p{L}[\\p{L}\\p{N}._·-]{0,28}\\p{N}"
    ) {
        let lists = [ListLink::playlist(&id), ListLink::channel(&channel), ListLink::handle(&name), ListLink::user(&name)];
        for list in lists.into_iter().flatten() {
            prop_assert_eq!(parse_target(&list.url()), Ok(LinkTarget::List(list.clone())), "{}", list.url());
        }
    }

    #[test]
    fn no_text_around_a_link_of_another_site_makes_it_one_of_youtube(
        host in "[a-z]{1,8}\\.(com|org)", path in "[a-z]{0,5}", name in "[a-z]{1,3}"
    ) {
        let link = format!("https://{host}/{path}?{name}=https://youtu.be/{VIDEO}");
        let is_redirector = url::Url::parse(&link).is_ok_and(|url| redirect::is_redirector(&url));
        prop_assume!(!is_redirector);
        prop_assert!(parse_link(&link).is_err(), "{}", link);
    }
}
