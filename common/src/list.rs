//! What an address of many videos names: a playlist, or a channel.
//!
//! Only these checked names go further, and no host or path of a request is ever made of them.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Longer than any that YouTube gives (34, and 41 for an album).
const MAX_PLAYLIST_ID_BYTES: usize = 64;
/// `UC` and 22 further characters.
const CHANNEL_ID_BYTES: usize = 24;
/// YouTube allows 30 (support.google.com/youtube/answer/11585688); old names may be longer.
const MAX_NAME_CHARS: usize = 60;

/// What a name is escaped for: it may have letters of any script.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The name of a list of videos.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListLink {
    /// A playlist, by its id (`PL…`, `UU…`, `OLAK5uy_…`).
    Playlist(String),
    /// All videos of a channel, by its id (`UC…`).
    Channel(String),
    /// All videos of a channel, by its handle, without the `@`.
    Handle(String),
    /// All videos of a channel, by its old user name.
    User(String),
}

/// A text that cannot be the name of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a playlist or channel cannot be right")]
pub struct BadListName;

impl ListLink {
    /// Checks the id of a playlist, as in the `list` of its address.
    ///
    /// # Errors
    /// [`BadListName`] if it cannot be one.
    pub fn playlist(id: &str) -> Result<Self, BadListName> {
        let is_length = (2..=MAX_PLAYLIST_ID_BYTES).contains(&id.len());
        if is_length && is_id(id) { Ok(Self::Playlist(id.to_owned())) } else { Err(BadListName) }
    }

    /// Checks the id of a channel.
    ///
    /// # Errors
    /// [`BadListName`] if it cannot be one.
    pub fn channel(id: &str) -> Result<Self, BadListName> {
        if id.len() == CHANNEL_ID_BYTES && id.starts_with("UC") && is_id(id) {
            Ok(Self::Channel(id.to_owned()))
        } else {
            Err(BadListName)
        }
    }

    /// Checks the handle of a channel, without the `@`.
    ///
    /// # Errors
    /// [`BadListName`] if it cannot be one.
    pub fn handle(name: &str) -> Result<Self, BadListName> {
        name_of(name).map(Self::Handle)
    }

    /// Checks the old user name of a channel.
    ///
    /// # Errors
    /// [`BadListName`] if it cannot be one.
    pub fn user(name: &str) -> Result<Self, BadListName> {
        name_of(name).map(Self::User)
    }

    /// Returns the address of the list's page, which names this list again.
    pub fn url(&self) -> String {
        let name = |name| utf8_percent_encode(name, ESCAPED);
        match self {
            Self::Playlist(id) => format!("https://www.youtube.com/playlist?list={id}"),
            Self::Channel(id) => format!("https://www.youtube.com/channel/{id}"),
            Self::Handle(handle) => format!("https://www.youtube.com/@{}", name(handle)),
            Self::User(user) => format!("https://www.youtube.com/user/{}", name(user)),
        }
    }
}

impl fmt::Display for ListLink {
    /// Writes the shortest name of the list, which is also the key of its record.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Playlist(id) | Self::Channel(id) => f.write_str(id),
            Self::Handle(name) => write!(f, "@{name}"),
            Self::User(name) => write!(f, "user/{name}"),
        }
    }
}

fn is_id(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// A name as YouTube's pages write it: in one form, however its accents were typed, and without the
/// point of a sentence that ends with it, because no name ends with one.
fn name_of(name: &str) -> Result<String, BadListName> {
    let name: String = name.trim_end_matches('.').nfc().collect();
    let is_length = (1..=MAX_NAME_CHARS).contains(&name.chars().count());
    let is_name_char = |char: char| {
        char.is_alphanumeric() || is_combining_mark(char) || matches!(char, '-' | '_' | '.' | '·')
    };
    let is_right =
        is_length && name.chars().all(is_name_char) && !name.starts_with(is_combining_mark);
    if is_right { Ok(name) } else { Err(BadListName) }
}
