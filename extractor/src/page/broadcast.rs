//! Reads whether a video is a broadcast that is live or has not begun.
//!
//! The flags of `videoDetails` can outlive the broadcast. Its end is final: what has ended is
//! neither live nor upcoming, and what YouTube already plays is not upcoming.

use super::locate::PlayerResponse;
use super::{json, playability};

/// The state of a broadcast; all is false for a video that is not one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Broadcast {
    pub(super) is_live: bool,
    pub(super) is_upcoming: bool,
    pub(super) has_ended: bool,
}

/// Reads the state; YouTube leaves flags out instead of sending false.
pub(super) fn read(player: &PlayerResponse) -> Broadcast {
    let flag = |key| json::flag(&player.video_details, key) == Some(true);
    let times = player.microformat().get("liveBroadcastDetails");
    let has_end = times.is_some_and(|times| json::text(times, "endTimestamp").is_some());
    let has_ended = has_end || flag("isPostLiveDvr");
    let is_played = playability::is_ok(&player.playability_status);
    Broadcast {
        is_live: flag("isLive") && !has_ended,
        is_upcoming: flag("isUpcoming") && !has_ended && !is_played,
        has_ended,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn state(status: &str, details: Value, times: Value) -> (bool, bool, bool) {
        let player = PlayerResponse {
            playability_status: json!({"status": status}),
            video_details: details,
            microformat: json!({"playerMicroformatRenderer": {"liveBroadcastDetails": times}}),
        };
        let Broadcast { is_live, is_upcoming, has_ended } = read(&player);
        (is_live, is_upcoming, has_ended)
    }

    #[test]
    fn the_end_of_a_broadcast_is_final() {
        let ended = json!({"isLiveNow": false, "startTimestamp": "a", "endTimestamp": "b"});
        let scheduled = json!({"isLiveNow": false, "startTimestamp": "a"});
        let offline = "LIVE_STREAM_OFFLINE";
        for (status, details, times, expected) in [
            (offline, json!({"isUpcoming": true}), scheduled.clone(), (false, true, false)),
            (offline, json!({"isUpcoming": true}), ended.clone(), (false, false, true)),
            ("OK", json!({"isUpcoming": true}), scheduled.clone(), (false, false, false)),
            ("OK", json!({"isUpcoming": true}), Value::Null, (false, false, false)),
            (offline, json!({"isUpcoming": true}), Value::Null, (false, true, false)),
            ("UNPLAYABLE", json!({"isUpcoming": true}), Value::Null, (false, true, false)),
            ("OK", json!({"isLive": true}), scheduled.clone(), (true, false, false)),
            (offline, json!({"isLive": true}), scheduled.clone(), (true, false, false)),
            ("OK", json!({"isLive": true}), ended.clone(), (false, false, true)),
            ("OK", json!({"isLive": true, "isPostLiveDvr": true}), scheduled, (false, false, true)),
            ("OK", json!({}), ended, (false, false, true)),
            (
                "OK",
                json!({"isLiveContent": true}),
                json!({"endTimestamp": ""}),
                (false, false, false),
            ),
        ] {
            assert_eq!(
                state(status, details.clone(), times.clone()),
                expected,
                "{details} {times}"
            );
        }
    }
}
