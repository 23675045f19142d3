//! The watch page: markup around the player response and `ytInitialData`.

use serde_json::Value;

use super::video::GeneratedVideo;
use super::{Playability, escape, initial_data, player};

/// How much of the description is in the head of a page.
const META_DESCRIPTION_CHARS: usize = 160;

/// The end of every captured player response. rusty_ytdl looks for `}}};` as the end, which only
/// this member has.
const FRAMEWORK_UPDATES: &str = r#","frameworkUpdates":{"entityBatchUpdate":{"mutations":[],"timestamp":{"seconds":"1749654981","nanos":164912374}}}}"#;

/// The settings of the page, on one line: a reader's greedy pattern ends with the line.
const SETTINGS: &str = r#"ytcfg.set({"GL":"US","INNERTUBE_CONTEXT_GL":"US","INNERTUBE_CLIENT_NAME":"WEB","INNERTUBE_CLIENT_VERSION":"2.20250611.00.00","WEB_PLAYER_CONTEXT_CONFIGS":{"WEB_PLAYER_CONTEXT_CONFIG_ID_KEVLAR_WATCH":{"jsUrl":"/s/player/0fa4e7be/player_ias.vflset/en_US/base.js","serializedExperimentIds":"24004644,24077241"}}});"#;

/// Returns the page of this video in two parts; spaces between them change nothing for a reader.
/// `edit` changes each JSON in it.
pub fn page(video: &GeneratedVideo, playability: Playability, edit: fn(&mut Value)) -> [String; 2] {
    [beginning(video, playability), rest(video, playability, edit)]
}

fn beginning(video: &GeneratedVideo, playability: Playability) -> String {
    let head = if playability.has_metadata() {
        head(video)
    } else {
        "<title> - YouTube</title>".to_owned()
    };
    format!(
        r#"<!DOCTYPE html><html style="font-size: 10px;font-family: Roboto, Arial, sans-serif;" lang="en" system-icons typography><head><script nonce="ZmFrZQ">var ytcfg={{d:function(){{return window.yt&&yt.config_||ytcfg.data_||(ytcfg.data_={{}})}},set:function(a){{for(var k in a)ytcfg.d()[k]=a[k]}}}};
window.ytcsi={{tick:function(){{}}}};</script><script nonce="ZmFrZQ">(function() {{window.ytplayer={{}};
{SETTINGS}
}})();</script>{head}<style nonce="ZmFrZQ">body{{padding:0;margin:0}}"#
    )
}

fn head(video: &GeneratedVideo) -> String {
    let title = escape::html(&video.title);
    let short: String = video.description.chars().take(META_DESCRIPTION_CHARS).collect();
    let description = escape::html(&short.replace('\n', " "));
    let keywords = escape::html(&video.keywords.join(", "));
    let url = video.watch_url();
    format!(
        r#"<title>{title} - YouTube</title><meta name="title" content="{title}"><meta name="description" content="{description}"><meta name="keywords" content="{keywords}"><link rel="canonical" href="{url}"><meta property="og:site_name" content="YouTube"><meta property="og:url" content="{url}"><meta property="og:title" content="{title}">"#
    )
}

fn rest(video: &GeneratedVideo, playability: Playability, edit: fn(&mut Value)) -> String {
    let item = match playability {
        Playability::AgeRestricted => r#"<meta itemprop="isFamilyFriendly" content="false">"#,
        _ => "",
    };
    let edited = |mut value: Value| {
        edit(&mut value);
        escape::json(&value)
    };
    let mut player = edited(player::response(video, playability, player::Client::Web));
    player.pop();
    let initial_data = edited(initial_data::response(video, playability));
    format!(
        r#"</style></head><body dir="ltr" no-y-overflow><script nonce="ZmFrZQ">var ytInitialPlayerResponse = {player}{FRAMEWORK_UPDATES};</script><div id="player" class="skeleton flexy"></div>{item}<script nonce="ZmFrZQ">if (window.ytcsi) {{window.ytcsi.tick('pdc', null, '');}}</script><script nonce="ZmFrZQ">var ytInitialData = {initial_data};</script><script nonce="ZmFrZQ">if (window.ytcsi) {{window.ytcsi.tick('pdr', null, '');}}</script></body></html>"#
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Deserializer;

    use super::*;
    use crate::pages::{expected, id_from_name};

    fn html(id: &str, playability: Playability) -> String {
        page(&expected(id), playability, |_| {}).concat()
    }

    fn assigned(page: &str, name: &str) -> Value {
        let (_, json) = page.split_once(&format!("var {name} = ")).unwrap();
        let mut values = Deserializer::from_str(json).into_iter();
        let value = values.next().unwrap().unwrap();
        assert!(json[values.byte_offset()..].starts_with(";</script>"), "{name} is not the last");
        value
    }

    #[test]
    fn no_text_ends_a_script_or_opens_an_element() {
        let frame = html("aaaaaaaaaaa", Playability::Private).matches('<').count();
        assert!(frame > 10);
        let tags = |id: &str| {
            let page = html(id, Playability::Ok);
            (
                page.matches('<').count(),
                page.matches("<script").count(),
                page.matches("</script>").count(),
            )
        };
        let first = tags("aaaaaaaaaaa");
        assert_eq!(first.1, first.2);
        for n in 0..1_000 {
            assert_eq!(tags(&id_from_name(&n.to_string())), first, "every page has the same tags");
        }
    }

    #[test]
    fn every_page_has_what_the_player_route_answers() {
        let both = [Playability::Ok, Playability::Private];
        for (n, playability) in both.into_iter().cycle().take(500).enumerate() {
            let id = id_from_name(&n.to_string());
            let page = html(&id, playability);
            let mut found = assigned(&page, "ytInitialPlayerResponse");
            assert!(found.as_object_mut().unwrap().remove("frameworkUpdates").is_some());
            assert_eq!(found, player::response(&expected(&id), playability, player::Client::Web));
            assert_eq!(
                assigned(&page, "ytInitialData"),
                initial_data::response(&expected(&id), playability)
            );
        }
    }
}
