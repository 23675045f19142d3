//! Finds the links in a text: lines of a chat, a sentence, Markdown, HTML, or links with nothing
//! between them.
//!
//! It must not know: which video a link names, beyond whether it names one.

use percent_encoding::percent_decode_str;
use unicode_normalization::char::is_combining_mark;

use super::clean::clean;
use super::{LinkTarget, MAX_LINK_BYTES, VideoId, address, parse_url, redirect, target_of};

/// Punctuation that belongs to the sentence around a link, not to its end.
const PUNCTUATION: [char; 8] = ['.', ',', ';', ':', '!', '?', '*', '~'];
/// Characters behind which a host of YouTube's begins another link.
const BETWEEN: [char; 5] = [',', ';', '*', '!', '~'];
/// A link that was percent-encoded more often than this is left alone.
const MAX_DECODINGS: usize = 5;
/// How often a wrong link is looked at again, each time without its last character.
const MAX_TRIMMED: usize = 5;
/// A link has no more addresses in it than this.
const MAX_INNER_STARTS: usize = 8;

/// Finds the links in a text, in their order. Each is a piece by itself: splitting a piece gives
/// that piece. A text without a link is one piece, as it is.
///
/// Words between links are left out; an address of another site is a piece, so that the answer
/// says that it is refused. An address that plays several videos is a piece for each.
pub fn split(text: &str) -> Vec<String> {
    let text = text.trim();
    if is_one_plain_link(text) {
        return vec![text.to_owned()];
    }
    let mut pieces = Vec::new();
    if find_links(text, MAX_DECODINGS, &mut pieces).is_none() || pieces.is_empty() {
        return vec![text.to_owned()];
    }
    pieces
}

/// Whether a text is so plainly one link that nothing needs to be looked for in it. Nearly every
/// link is.
fn is_one_plain_link(text: &str) -> bool {
    let is_plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'/' | b'=' | b'&' | b'_')
    };
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let Some((host, path)) = rest.split_once('/') else { return false };
    let path = path.strip_prefix("watch?").unwrap_or(path);
    host.bytes().all(is_plain)
        && path.bytes().all(is_plain)
        && !path.starts_with("watch_videos")
        && !text.ends_with(['.', '-', '_'])
}

/// Adds the links of a text to `pieces`. `None` if the text was escaped too often.
fn find_links(text: &str, decodings: usize, pieces: &mut Vec<String>) -> Option<()> {
    let text = clean(text)?;
    for line in text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        let line = line.trim();
        if VideoId::alone(line).is_some() {
            pieces.push(line.to_owned());
        } else {
            find_links_of_line(line, decodings, pieces)?;
        }
    }
    Some(())
}

fn find_links_of_line(line: &str, decodings: usize, pieces: &mut Vec<String>) -> Option<()> {
    let mut tokens = tokens(line).peekable();
    let mut label = Label::default();
    while let Some((begin, token)) = tokens.next() {
        let links = links_of_token(token);
        let Some(first) = links.first() else { continue };
        let (before, after) = (&line[..begin], &line[begin + token.len()..]);
        if before.ends_with('[') && after.starts_with("](") {
            let next = tokens.peek().map(|(_, next)| links_of_token(next));
            label.of_address(next.and_then(|links| links.first().copied()), begin + token.len());
        }
        if label.is(begin, &links) {
            continue;
        }
        if is_attribute(before) {
            label.of_address(Some(first), begin + token.len() + length_of_element(after));
        }
        for link in links {
            add(trimmed(link), decodings, pieces)?;
        }
    }
    Some(())
}

/// Whether a text ends with `href=`, and maybe a quote.
fn is_attribute(before: &str) -> bool {
    let before = before.trim_end_matches(['"', '\'']);
    let name = before.len().checked_sub("href=".len()).and_then(|begin| before.get(begin..));
    name.is_some_and(|name| name.eq_ignore_ascii_case("href="))
}

/// How much of a text belongs to the element that it begins in. Only as much is searched as a link
/// may have, so that a text of many links is still read in one pass.
fn length_of_element(text: &str) -> usize {
    let searched = &text.as_bytes()[..text.len().min(MAX_LINK_BYTES)];
    searched.windows(2).position(|bytes| bytes == b"</").unwrap_or_default()
}

/// A link whose text is a link as well: `[https://…](https://…)`, `<a href="https://…">https://…`.
#[derive(Default)]
struct Label {
    /// What the address names.
    target: Option<LinkTarget>,
    /// Where the text ends in the line.
    end: usize,
}

impl Label {
    fn of_address(&mut self, link: Option<&str>, end: usize) {
        self.target = link.and_then(|link| target_of(trimmed(link)).ok());
        self.end = end;
    }

    /// Whether these links are only the text: the same link, or a part of one, as texts are cut.
    fn is(&self, begin: usize, links: &[&str]) -> bool {
        let [link] = links else { return false };
        let is_same =
            |target: &LinkTarget| target_of(trimmed(link)).is_ok_and(|other| other == *target);
        let is_cut = target_of(link).is_err();
        begin < self.end && self.target.as_ref().is_some_and(|target| is_cut || is_same(target))
    }
}

/// The parts of a line between separators, with where they begin.
fn tokens(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut begin = 0;
    let parts = line.split_inclusive(is_separator).map(move |part| {
        let at = begin;
        begin += part.len();
        (at, part.trim_end_matches(is_separator))
    });
    parts.filter(|(_, token)| !token.is_empty())
}

/// Characters that no link has, unless encoded.
fn is_separator(char: char) -> bool {
    match char {
        '<' | '>' | '"' | '\'' | '`' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' => true,
        char if char.is_ascii() => char.is_ascii_whitespace() || char.is_ascii_control(),
        char => !char.is_alphanumeric() && !is_combining_mark(char) && char != '·',
    }
}

/// The links of a text without separators.
fn links_of_token(token: &str) -> Vec<&str> {
    let token = token.trim_start_matches(|char: char| !char.is_alphanumeric() && char != '/');
    let Some(begin) = first_start(token) else { return Vec::new() };
    let mut rest = &token[begin..];
    let mut links = Vec::new();
    while let Some(cut) = next_cut(rest) {
        links.push(&rest[..cut]);
        rest = &rest[cut..];
    }
    links.push(rest);
    links
}

/// Where the first link begins: at the beginning if the text begins as an address of any site, or
/// behind other characters (`url=https://…`, `link:youtu.be/…`).
fn first_start(token: &str) -> Option<usize> {
    if has_any_scheme(token) || has_host(token) {
        return Some(0);
    }
    let goes_on = |char: char| char.is_alphanumeric() || "._-@/%".contains(char);
    let is_start = |index: &usize| {
        let (before, rest) = token.split_at(*index);
        has_scheme(rest) || !before.ends_with(goes_on) && address::begins_with_youtube_host(rest)
    };
    token.char_indices().map(|(index, _)| index).find(is_start)
}

/// Where a link of this text ends because the next begins: at `https:` anywhere, or at a host of
/// YouTube's behind a comma.
fn next_cut(text: &str) -> Option<usize> {
    let is_start = |index: &usize| {
        let (before, rest) = text.split_at(*index);
        let is_host = before.ends_with(BETWEEN) && address::begins_with_youtube_host(rest);
        *index > 0 && (has_scheme(rest) || is_host)
    };
    let starts = text.char_indices().map(|(index, _)| index).filter(is_start);
    let is_cut = |(count, start): &(usize, usize)| {
        *count >= MAX_INNER_STARTS || *start > MAX_LINK_BYTES || is_whole(&text[..*start])
    };
    starts.enumerate().find(is_cut).map(|(_, start)| start)
}

/// Whether the address that begins behind this text is the next one, and not a part of this one
/// (`…/url?q=https://…`, `…?origin=https://…`).
fn is_whole(before: &str) -> bool {
    if is_parameter(before) {
        return false;
    }
    let may_go_on = before.ends_with(['=', '/', '?']) || before.ends_with("/__");
    let names_one = || {
        parse_url(before).is_ok_and(|url| !redirect::is_redirector(&url))
            && target_of(trimmed(before)).is_ok()
    };
    !may_go_on || names_one()
}

/// Whether a text ends with the name of a parameter and `=`.
fn is_parameter(text: &str) -> bool {
    let is_name = |char: char| char.is_ascii_alphanumeric() || "_-.".contains(char);
    let Some(text) = text.strip_suffix('=') else { return false };
    let before = text.trim_end_matches(is_name);
    let name = &text[before.len()..];
    name.starts_with(|char: char| char.is_ascii_alphabetic())
        && before.ends_with(['?', '&', ';', '#'])
}

/// `https://`, `https:/`, `https:youtu.be/`, and `https%3A%2F%2F`.
fn has_scheme(text: &str) -> bool {
    let Some(rest) = without_prefix(text, "http") else { return false };
    let rest = without_prefix(rest, "s").unwrap_or(rest);
    let is_youtube = || rest.strip_prefix(':').is_some_and(address::begins_with_youtube_host);
    rest.starts_with(":/") || is_encoded_colon(rest) || is_youtube()
}

/// `%3A%2F`, also encoded again and again (`%253A%252F`).
fn is_encoded_colon(text: &str) -> bool {
    encoded(text, "3a").is_some_and(|rest| encoded(rest, "2f").is_some())
}

fn encoded<'a>(text: &'a str, digits: &str) -> Option<&'a str> {
    let mut rest = text.strip_prefix('%')?;
    while let Some(again) = rest.strip_prefix("25") {
        rest = again;
    }
    without_prefix(rest, digits)
}

fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// `ftp://…`: an address of any kind.
fn has_any_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|char: char| char.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))
    })
}

/// `youtu.be/…`, `//youtu.be/…`, `example.com/…`.
fn has_host(text: &str) -> bool {
    let text = text.trim_start_matches('/');
    if address::begins_with_youtube_host(text) {
        return true;
    }
    let Some((host, _)) = text.split_once(['/', '?']) else { return false };
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let Some((name, domain)) = host.rsplit_once('.') else { return false };
    let is_label = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    !name.is_empty()
        && name.bytes().all(is_label)
        && domain.len() >= 2
        && domain.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// A link without the punctuation behind it. What may belong to an address (`-`, `_`, `#`) goes only
/// if the link is wrong with it and right without it.
fn trimmed(link: &str) -> &str {
    let link = link.trim_end_matches(PUNCTUATION);
    let is_sign = |char: char| !char.is_ascii_alphanumeric();
    let shorter = std::iter::successors(Some(link), |link| link.strip_suffix(is_sign));
    shorter.take(MAX_TRIMMED).find(|link| target_of(link).is_ok()).unwrap_or(link)
}

/// Adds a link; an encoded one is decoded and looked at again, since it may be several.
fn add(link: &str, decodings: usize, pieces: &mut Vec<String>) -> Option<()> {
    if link.len() > MAX_LINK_BYTES {
        // It is refused for its length, however many are in it.
        pieces.push(link.to_owned());
        return Some(());
    }
    let is_encoded = without_prefix(link, "https").or_else(|| without_prefix(link, "http"));
    if is_encoded.is_some_and(is_encoded_colon) {
        let decoded = percent_decode_str(link).decode_utf8_lossy();
        return find_links(&decoded, decodings.checked_sub(1)?, pieces);
    }
    let together = match parse_url(link) {
        Ok(url) => address::played_together(&url),
        Err(_) => Vec::new(),
    };
    if together.is_empty() {
        pieces.push(link.to_owned());
    }
    pieces.extend(together.iter().map(VideoId::watch_url));
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALPHABET: [&str; 40] = [
        "https://youtu.be/5fR9AHlSDtc",
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        "youtu.be/",
        "www.youtube.com/watch?v=",
        "5fR9AHlSDtc",
        "https://",
        "http%3A%2F%2F",
        "https:",
        "//",
        "example.com/",
        "watch_videos?video_ids=",
        "/attribution_link?u=",
        "consent.youtube.com/m?",
        "continue=",
        "%2F",
        "%253A",
        "%20",
        "&amp;",
        "&#38;",
        "&",
        ";",
        "\\",
        "\\/",
        "\\n",
        "\\u0026",
        "\u{feff}",
        "\u{200b}",
        "_",
        "-",
        ".",
        ",",
        "](",
        ")",
        "<a href=\"",
        "</a>",
        "\n",
        " ",
        "é",
        "を",
        "\u{301}",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_piece_is_never_split_again(
            parts in proptest::collection::vec(proptest::sample::select(&ALPHABET[..]), 0..12)
        ) {
            for piece in split(&parts.concat()) {
                prop_assert_eq!(split(&piece), vec![piece.clone()], "of {:?}", parts);
            }
        }

        #[test]
        fn any_text_has_at_least_one_piece(text in "\\PC{0,80}") {
            prop_assert!(!split(&text).is_empty());
        }

        #[test]
        fn a_plain_link_is_what_the_long_way_finds(
            path in "[A-Za-z0-9./=&_-]{0,30}[A-Za-z0-9]", host in "(www\\.)?(youtube\\.com|youtu\\.be|example\\.com)"
        ) {
            let link = format!("https://{host}/{path}");
            prop_assume!(is_one_plain_link(&link));
            let mut pieces = Vec::new();
            prop_assert_eq!(find_links(&link, 1, &mut pieces), Some(()));
            prop_assert_eq!(pieces, vec![link]);
        }

        #[test]
        fn links_are_found_whatever_is_between_them(
            between in "[^A-Za-z0-9]{1,3}", ids in proptest::collection::vec("[A-Za-z0-9_-]{10}[A-Za-z0-9]", 1..5)
        ) {
            let links: Vec<String> = ids.iter().map(|id| format!("https://youtu.be/{id}")).collect();
            let found: Vec<_> = split(&links.join(&between)).iter().map(|piece| target_of(piece)).collect();
            let wanted: Vec<_> = links.iter().map(|link| target_of(link)).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
