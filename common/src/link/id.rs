//! The id of a video.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::LinkError;

const VIDEO_ID_BYTES: usize = 11;

/// The eleven characters that name a video.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VideoId([u8; VIDEO_ID_BYTES]);

impl VideoId {
    /// Reads exactly eleven characters of `A-Z a-z 0-9 - _`.
    ///
    /// # Errors
    /// [`LinkError::BadVideoId`] for anything else.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let bytes: [u8; VIDEO_ID_BYTES] =
            text.as_bytes().try_into().map_err(|_| LinkError::BadVideoId)?;
        if bytes.iter().all(is_id_byte) { Ok(Self(bytes)) } else { Err(LinkError::BadVideoId) }
    }

    /// Reads the id at the beginning of a part of an address. Other text may follow it
    /// (`5fR9AHlSDtc?t=10`, `5fR9AHlSDtc"`), but no further character of an id.
    ///
    /// # Errors
    /// [`LinkError::BadVideoId`] if the characters of an id at the beginning are not eleven.
    pub(super) fn at_start_of(text: &str) -> Result<Self, LinkError> {
        let end = text.bytes().position(|byte| !is_id_byte(&byte)).unwrap_or(text.len());
        Self::parse(&text[..end])
    }

    /// Reads an id that a client sent alone, without an address.
    ///
    /// Many words have eleven letters, so it must also have a digit, a `_`, or an upper-case letter
    /// after its first character.
    pub(super) fn alone(text: &str) -> Option<Self> {
        let id = Self::parse(text).ok()?;
        let is_sign = |(index, byte): (usize, &u8)| {
            byte.is_ascii_digit() || *byte == b'_' || (index > 0 && byte.is_ascii_uppercase())
        };
        id.0.iter().enumerate().any(is_sign).then_some(id)
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        // `parse`, the only constructor, accepts only ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Returns the plainest link to this video.
    pub fn watch_url(&self) -> String {
        format!("https://www.youtube.com/watch?v={self}")
    }
}

fn is_id_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

impl fmt::Display for VideoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for VideoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VideoId({self})")
    }
}

impl FromStr for VideoId {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        Self::parse(text)
    }
}

impl Serialize for VideoId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for VideoId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
