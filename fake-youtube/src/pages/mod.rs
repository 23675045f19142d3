//! Made-up videos and lists of them, and YouTube's answers about them.
//!
//! In reading order: [`video`] makes a video up from its id; [`Playability`] is whether YouTube
//! would play it; [`player`] is the JSON that carries the metadata, [`initial_data`] the JSON
//! for what is around the player; [`watch`] puts both into a page; [`oembed`] is the short
//! form, [`data_api`] the one of the Data API; [`lists`] makes up which videos a playlist
//! or a channel has, [`list_answers`] writes that down for the Data API; [`refusal`] are the
//! pages that are about no video.
//!
//! The shapes follow captured answers of 2020 to 2025. It must not know: HTTP, faults, time.

mod availability;
pub mod data_api;
mod draws;
mod escape;
pub mod initial_data;
pub mod list_answers;
pub mod lists;
pub mod oembed;
pub mod player;
pub mod refusal;
pub mod video;
pub mod watch;
mod words;

pub use availability::Playability;
pub use draws::Draws;
pub use video::{GeneratedChapter, GeneratedThumbnail, GeneratedVideo, expected};

/// Where a generated page says that the player's JavaScript is.
pub const BASE_JS_PATH: &str = "/s/player/0fa4e7be/player_ias.vflset/en_US/base.js";

/// The player's JavaScript: nothing that a reader could use, as no stream is ever offered.
pub const BASE_JS: &str = "/* a player that plays nothing */\nvar _yt_player={};\n";

/// Whether this could be a video's id: eleven characters of `A-Z a-z 0-9 - _`.
pub fn is_video_id(text: &str) -> bool {
    let is_id_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == 11 && text.bytes().all(is_id_byte)
}

/// An id that only `name` gives; for pages that need one and have none.
pub fn id_from_name(name: &str) -> String {
    Draws::new(0, &["id", name]).id_text(11)
}

/// The video that is answered in place of `id` when the wrong one is.
pub fn other_id(id: &str) -> String {
    Draws::new(0, &["other", id]).id_text(11)
}
