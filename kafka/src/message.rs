//! The value of a Kafka record: its links, and whether a cached answer is allowed.

use serde::{Deserialize, Serialize};

use linkrelay_common::link::{LinkError, parse_target, split};

/// The content of a record: at least one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkMessage {
    /// The links, in order of their indexes, each as [`split`] gives it.
    pub links: Vec<String>,
    /// Whether YouTube is asked even if there is a cached answer.
    pub force: bool,
}

/// Why a record's value cannot be read; such a record is dead-lettered with its raw bytes.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not UTF-8.
    #[error("the value is not UTF-8 text")]
    NotText(#[from] std::str::Utf8Error),
    /// Looks like JSON, but is not of the contract's form.
    #[error("the value is not a JSON object with \"links\": {0}")]
    NotTheContract(#[from] serde_json::Error),
    /// Neither JSON nor the address of a web page.
    #[error("the value is neither JSON nor a text with a link in it")]
    NotALink,
    /// `"links": []`.
    #[error("the list of links is empty")]
    NoLinks,
    /// More links than a record may have.
    #[error("the record has {count} links, more than {limit}; send them as several records")]
    TooManyLinks {
        /// How many it has.
        count: usize,
        /// How many it may have.
        limit: usize,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Serialize, Deserialize)]
struct Wire {
    links: OneOrMany,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    force: bool,
}

impl LinkMessage {
    /// Makes a message of one link, the form that linkrelay itself writes.
    pub fn one(link: impl Into<String>, force: bool) -> Self {
        Self { links: vec![link.into()], force }
    }

    /// Reads a record's value: `{"links": "…"}`, `{"links": ["…"]}`, with an optional
    /// `"force": true`; a JSON array or string of links; or a bare text with links in it. Members
    /// that it does not know are ignored. Each text is taken apart into its links.
    ///
    /// # Errors
    /// [`DecodeError`] if the value is of none of these forms.
    pub fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        let text = std::str::from_utf8(value)?.trim_start_matches('\u{feff}').trim();
        if text.starts_with('{') {
            let Wire { links, force } = serde_json::from_str(text)?;
            return Self::of_texts(links, force);
        }
        if text.starts_with(['[', '"'])
            && let Ok(links) = serde_json::from_str(text)
        {
            return Self::of_texts(links, false);
        }
        let links = split(text);
        // A text without a link stays as it is, and may be long, with spaces; no link has a space.
        let is_link = |link: &String| {
            !link.contains(char::is_whitespace) && parse_target(link) != Err(LinkError::NotAUrl)
        };
        // A link that is too long or names no video is still a link, and gets a failed document.
        if links.iter().any(is_link) {
            Ok(Self { links, force: false })
        } else {
            Err(DecodeError::NotALink)
        }
    }

    /// Like [`decode`](Self::decode), but for a record of at most `limit` links.
    ///
    /// # Errors
    /// [`DecodeError::TooManyLinks`] for a record with more, or the same as of `decode`.
    pub fn decode_up_to(value: &[u8], limit: usize) -> Result<Self, DecodeError> {
        let message = Self::decode(value)?;
        match message.links.len() {
            count if count > limit => Err(DecodeError::TooManyLinks { count, limit }),
            _ => Ok(message),
        }
    }

    /// Returns the record's value; a single link is written as a string.
    pub fn encode(&self) -> Vec<u8> {
        let links = match self.links.as_slice() {
            [link] => OneOrMany::One(link.clone()),
            links => OneOrMany::Many(links.to_vec()),
        };
        // Strings and a bool always serialize.
        serde_json::to_vec(&Wire { links, force: self.force }).unwrap_or_default()
    }

    fn of_texts(texts: OneOrMany, force: bool) -> Result<Self, DecodeError> {
        let links: Vec<String> = match texts {
            OneOrMany::One(text) => split(&text),
            OneOrMany::Many(texts) => texts.iter().flat_map(|text| split(text)).collect(),
        };
        if links.is_empty() { Err(DecodeError::NoLinks) } else { Ok(Self { links, force }) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINK: &str = "https://youtu.be/5fR9AHlSDtc";

    #[test]
    fn every_form_that_users_type_is_accepted() {
        let one = LinkMessage::one(LINK, false);
        for value in [
            format!(r#"{{"links":"{LINK}"}}"#),
            format!(r#" {{ "links" : ["{LINK}"] , "note": 1 }} "#),
            LINK.to_owned(),
            format!("\u{feff}{LINK}\r\n"),
            format!("\"{LINK}\""),
            format!("[\"{LINK}\"]"),
            format!("[a song]({LINK})"),
            format!("see {LINK}"),
        ] {
            assert_eq!(LinkMessage::decode(value.as_bytes()).unwrap(), one, "{value}");
        }
        let both = format!(r#"{{"links":["{LINK}","x"],"force":true}}"#);
        let both = LinkMessage::decode(both.as_bytes()).unwrap();
        assert_eq!(both, LinkMessage { links: vec![LINK.to_owned(), "x".to_owned()], force: true });
    }

    #[test]
    fn every_link_of_a_text_is_taken() {
        let other = "https://youtu.be/dQw4w9WgXcQ";
        for value in [
            format!(r#"{{"links":"{LINK}\n{other}"}}"#),
            format!(r#"{{"links":["{LINK} {other}"]}}"#),
            format!(r#"["{LINK}","{other}"]"#),
            format!(r#""{LINK},{other}""#),
            format!("{LINK}\n{other}"),
            format!("first {LINK}, then {other}."),
        ] {
            let message = LinkMessage::decode(value.as_bytes()).unwrap();
            assert_eq!(message.links, [LINK, other], "{value}");
        }
    }

    #[test]
    fn a_link_to_no_video_is_still_a_link() {
        let link = "https://example.com/a";
        assert_eq!(LinkMessage::decode(link.as_bytes()).unwrap(), LinkMessage::one(link, false));
    }

    #[test]
    fn the_error_of_too_many_links_names_the_limit() {
        let value = format!(r#"{{"links":["{LINK}","{LINK}","{LINK}"]}}"#);
        assert_eq!(LinkMessage::decode_up_to(value.as_bytes(), 3).unwrap().links.len(), 3);
        let error = LinkMessage::decode_up_to(value.as_bytes(), 2).unwrap_err().to_string();
        assert!(error.contains("3 links, more than 2"), "{error}");
    }

    #[test]
    fn invalid_input_is_refused() {
        for value in [
            "",
            "hello",
            "hello world",
            "[1]",
            "[]",
            "{",
            r#"{"links":5}"#,
            r#"{"links":[]}"#,
            r#"{"link":"x"}"#,
        ] {
            assert!(LinkMessage::decode(value.as_bytes()).is_err(), "{value}");
        }
        let long = "hello ".repeat(1_000);
        assert!(matches!(LinkMessage::decode(long.as_bytes()), Err(DecodeError::NotALink)));
        assert!(matches!(LinkMessage::decode(&[0xff, 0xfe]), Err(DecodeError::NotText(_))));
    }

    proptest! {
        #[test]
        fn a_message_survives_the_wire(texts in proptest::collection::vec(any::<String>(), 1..5), force: bool) {
            let links = texts.iter().flat_map(|text| split(text)).collect();
            let message = LinkMessage { links, force };
            prop_assert_eq!(LinkMessage::decode(&message.encode()).unwrap(), message);
        }

        #[test]
        fn any_bytes_are_answered_without_a_panic(bytes: Vec<u8>) {
            drop(LinkMessage::decode(&bytes));
        }
    }
}
