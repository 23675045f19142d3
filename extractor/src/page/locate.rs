//! Finds JSON in a page by the name that comes before it.
//!
//! Searching raw bytes is sound: within a JSON text a quote is always escaped, so a name in its
//! quotes can only be a key. It is also what makes the reader fast: of a page of a megabyte, only
//! the few kilobytes that matter are parsed.

use memchr::memmem;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::body;

/// The parts of a player response that are read; all others are skipped.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PlayerResponse {
    pub(super) playability_status: Value,
    pub(super) video_details: Value,
    pub(super) microformat: Value,
}

impl PlayerResponse {
    /// Returns the second part of the metadata, which only web clients get.
    pub(super) fn microformat(&self) -> &Value {
        self.microformat.get("playerMicroformatRenderer").unwrap_or(&Value::Null)
    }

    fn is_real(&self) -> bool {
        self.playability_status.is_object()
            || self.video_details.is_object()
            || self.microformat().is_object()
    }
}

/// Returns all player responses of a body, the most reliable form first.
///
/// The forms: the body itself (`/youtubei/v1/player`), `ytInitialPlayerResponse = {` and
/// `window["ytInitialPlayerResponse"] = {` (pages since 2020), `"playerResponse": {`
/// (`watch?pbj=1`), and `"player_response": "…"`, JSON in a text (`ytplayer.config`, before).
pub(super) fn player_responses(body: &[u8]) -> impl Iterator<Item = PlayerResponse> {
    let is_json = body.trim_ascii_start().first() == Some(&b'{');
    let whole = is_json.then(|| value_at(body, 0)).flatten();
    let assigned = ends_of(body, b"ytInitialPlayerResponse")
        .filter_map(|end| object_at(body, after_assignment(body, end)?));
    let keyed = ends_of(body, b"\"playerResponse\":").filter_map(|end| object_at(body, end));
    let quoted = ends_of(body, b"\"player_response\":").filter_map(|end| {
        let text: String = value_at(body, end)?;
        object_at(text.as_bytes(), 0)
    });
    whole.into_iter().chain(assigned).chain(keyed).chain(quoted).filter(PlayerResponse::is_real)
}

/// Returns the first value of this key that has the type `T`; `key` includes its quotes and colon.
pub(super) fn value_of<T: DeserializeOwned>(body: &[u8], key: &[u8]) -> Option<T> {
    values_of(body, key).next()
}

/// Returns all values of this key that have the type `T`; `key` includes its quotes and colon.
pub(super) fn values_of<'a, T: DeserializeOwned + 'a>(
    body: &'a [u8],
    key: &'a [u8],
) -> impl Iterator<Item = T> + 'a {
    ends_of(body, key).filter_map(|end| value_at(body, end))
}

/// Returns the first value assigned to this name (`name = {…}`) that has the type `T`.
pub(super) fn assigned_value<T: DeserializeOwned>(body: &[u8], name: &[u8]) -> Option<T> {
    ends_of(body, name).find_map(|end| value_at(body, after_assignment(body, end)?))
}

/// Whether the body contains this text.
pub(super) fn has(body: &[u8], text: &str) -> bool {
    memmem::find(body, text.as_bytes()).is_some()
}

fn ends_of<'a>(body: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    memmem::find_iter(body, name).map(|start| start + name.len())
}

/// Returns where the value begins that is assigned to a name, after `"] = `.
fn after_assignment(body: &[u8], name_end: usize) -> Option<usize> {
    let is_closing = |byte: &u8| matches!(byte, b'"' | b'\'' | b']') || byte.is_ascii_whitespace();
    let equals = name_end + body.get(name_end..)?.iter().position(|byte| !is_closing(byte))?;
    (body[equals] == b'=').then_some(equals + 1)
}

fn object_at(body: &[u8], start: usize) -> Option<PlayerResponse> {
    // Without this check, serde would also accept an array as a struct.
    let is_object = body.get(start..)?.trim_ascii_start().first() == Some(&b'{');
    is_object.then(|| value_at(body, start)).flatten()
}

/// Reads one value and ignores what follows it.
fn value_at<T: DeserializeOwned>(body: &[u8], start: usize) -> Option<T> {
    body::first(body.get(start..)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(body: &str) -> Vec<String> {
        player_responses(body.as_bytes())
            .map(|player| player.video_details["videoId"].as_str().unwrap_or("-").to_owned())
            .collect()
    }

    #[test]
    fn every_form_of_the_player_response_is_found() {
        let player = r#"{"x":[{"}":"};"}],"videoDetails":{"videoId":"a"}}"#;
        let quoted = serde_json::to_string(player).unwrap();
        for body in [
            player.to_owned(),
            format!("<script>var ytInitialPlayerResponse = {player};var meta = 1;</script>"),
            format!("ytInitialPlayerResponse={player}}}}};"),
            format!("window[\"ytInitialPlayerResponse\"] = {player};"),
            format!("window['ytInitialPlayerResponse']\n = {player}"),
            format!("ytplayer.config = {{\"args\":{{\"player_response\":{quoted}}}}};"),
            format!("[{{\"page\":\"watch\"}},{{\"playerResponse\":{player}}}]"),
        ] {
            assert_eq!(ids(&body), ["a"], "{body}");
        }
    }

    #[test]
    fn a_null_or_a_mention_does_not_end_the_search() {
        let body = "if(ytInitialPlayerResponse){} ytInitialPlayerResponse = null; \
                    ytInitialPlayerResponse = {}; ytInitialPlayerResponse = [[{}],{},{}]; \
                    var ytInitialPlayerResponse = {\"videoDetails\":{\"videoId\":\"b\"}};";
        assert_eq!(ids(body), ["b"]);
        assert_eq!(ids("var ytInitialPlayerResponse = null;"), Vec::<String>::new());
        assert_eq!(ids("ytInitialPlayerResponse"), Vec::<String>::new());
        assert_eq!(ids("ytInitialPlayerResponse ="), Vec::<String>::new());
    }

    #[test]
    fn text_in_a_description_is_not_a_player_response() {
        let description = r#"ytInitialPlayerResponse = {"videoDetails":{"videoId":"evil"}}"#;
        let body = format!(
            "var ytInitialData = {{\"description\":{}}};",
            serde_json::to_string(description).unwrap()
        );
        assert_eq!(ids(&body), Vec::<String>::new());
    }
}
