//! Generated videos and lists of videos, and YouTube's answers about them.
//!
//! In reading order: [`video`] generates a video from its id; [`Playability`] says whether YouTube
//! would play it; [`player`] is the JSON with the metadata, [`initial_data`] the JSON about what is
//! around the player; [`watch`] puts both into a page; [`oembed`] is the short form; [`lists`]
//! generates which videos a playlist or a channel has; [`data_api`] are the answers of the Data
//! API; [`refusal`] are the pages that are not about a video.
//!
//! The shapes follow captured answers of 2020 to 2025. It must not know HTTP, failures or time.

mod availability;
pub mod data_api;
mod draws;
mod escape;
pub mod initial_data;
pub mod lists;
pub mod oembed;
pub mod player;
pub mod refusal;
pub mod thumbnail;
pub mod video;
pub mod watch;
mod words;

pub use availability::Playability;
pub use draws::Draws;
pub use video::{GeneratedChapter, GeneratedThumbnail, GeneratedVideo, expected};

/// Whether this text could be a video's id: eleven characters of `A-Z a-z 0-9 - _`.
pub fn is_video_id(text: &str) -> bool {
    let is_id_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == 11 && text.bytes().all(is_id_byte)
}

/// Returns an id made from `name`, for what needs an id and has none.
pub fn id_from_name(name: &str) -> String {
    Draws::new(0, &["id", name]).id_text(11)
}

/// Returns the id of the video that is answered instead of `id` when the wrong one is.
pub fn other_id(id: &str) -> String {
    Draws::new(0, &["other", id]).id_text(11)
}
