//! The watch page: markup around the player response and `ytInitialData`.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::video::GeneratedVideo;
use super::{BASE_JS_PATH, Playability, escape, initial_data, player};

/// How much of a description the page's head has.
const META_DESCRIPTION_CHARS: usize = 160;

/// The end of every captured player response. Readers that look for `}}};` as its end (as
/// rusty_ytdl does) find it only because of this last member.
const FRAMEWORK_UPDATES: &str = r#","frameworkUpdates":{"entityBatchUpdate":{"mutations":[],"timestamp":{"seconds":"1749654981","nanos":164912374}}}}"#;

/// The page's own settings. One line of its own: a reader's greedy pattern ends with the line.
static SETTINGS: LazyLock<String> = LazyLock::new(|| {
    let config = json!({"jsUrl": BASE_JS_PATH, "rootElementId": "movie_player", "serializedExperimentIds": "24004644,24077241"});
    let settings = json!({
        "CLIENT_CANARY_STATE": "none", "INNERTUBE_API_KEY": "a-key-of-the-fake", "INNERTUBE_API_VERSION": "v1",
        "GL": "US", "INNERTUBE_CONTEXT_GL": "US", "INNERTUBE_CLIENT_NAME": "WEB", "INNERTUBE_CLIENT_VERSION": "2.20250611.00.00", "STS": 20_249,
        "PLAYER_JS_URL": BASE_JS_PATH,
        "WEB_PLAYER_CONTEXT_CONFIGS": {"WEB_PLAYER_CONTEXT_CONFIG_ID_KEVLAR_WATCH": config},
    });
    format!("ytcfg.set({});", escape::json(&settings))
});

/// A page in two parts; whatever is put between them changes nothing for a reader.
#[derive(Debug, Clone)]
pub struct WatchPage {
    /// Up to the middle of the head.
    pub beginning: String,
    /// From there to the end.
    pub rest: String,
}

/// The page of this video.
pub fn page(video: &GeneratedVideo, playability: Playability) -> WatchPage {
    WatchPage { beginning: beginning(video, playability), rest: rest(video, playability) }
}

/// What `watch?pbj=1` answers: the same data with no page around it.
pub fn pbj(video: &GeneratedVideo, playability: Playability) -> Value {
    json!([
        {"page": "watch", "rootVe": "3832"},
        {"page": "watch", "preconnect": []},
        {"page": "watch", "playerResponse": player::response(video, playability, player::Client::Web)},
        {
            "page": "watch", "url": format!("/watch?v={}", video.video_id),
            "endpoint": {"watchEndpoint": {"videoId": video.video_id}},
            "response": initial_data::response(video, playability), "xsrf_token": "none",
        },
        {"page": "watch", "timing": {"info": {"st": 0.0}}},
    ])
}

fn beginning(video: &GeneratedVideo, playability: Playability) -> String {
    let settings = &*SETTINGS;
    let head = if playability.has_metadata() {
        head(video)
    } else {
        "<title> - YouTube</title>".to_owned()
    };
    format!(
        r#"<!DOCTYPE html><html style="font-size: 10px;font-family: Roboto, Arial, sans-serif;" lang="en" system-icons typography><head><script nonce="ZmFrZQ">var ytcfg={{d:function(){{return window.yt&&yt.config_||ytcfg.data_||(ytcfg.data_={{}})}},set:function(a){{for(var k in a)ytcfg.d()[k]=a[k]}}}};
window.ytcsi={{tick:function(){{}}}};</script><script nonce="ZmFrZQ">(function() {{window.ytplayer={{}};
{settings}
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

fn rest(video: &GeneratedVideo, playability: Playability) -> String {
    let item = if playability.has_metadata() { item(video, playability) } else { String::new() };
    let mut player = escape::json(&player::response(video, playability, player::Client::Web));
    player.pop();
    let initial_data = escape::json(&initial_data::response(video, playability));
    format!(
        r#"</style></head><body dir="ltr" no-y-overflow><script nonce="ZmFrZQ">var ytInitialPlayerResponse = {player}{FRAMEWORK_UPDATES};</script><div id="player" class="skeleton flexy"></div>{item}<script nonce="ZmFrZQ">if (window.ytcsi) {{window.ytcsi.tick('pdc', null, '');}}</script><script nonce="ZmFrZQ">var ytInitialData = {initial_data};</script><script nonce="ZmFrZQ">if (window.ytcsi) {{window.ytcsi.tick('pdr', null, '');}}</script></body></html>"#
    )
}

/// The second place in a page that names the most important facts.
fn item(video: &GeneratedVideo, playability: Playability) -> String {
    let title = escape::html(&video.title);
    let author = escape::html(&video.author);
    let category = escape::html(&video.category);
    let GeneratedVideo { video_id, channel_id, publish_date, view_count, .. } = video;
    let (minutes, seconds) = (video.length_seconds / 60, video.length_seconds % 60);
    let is_family_friendly = playability != Playability::AgeRestricted;
    format!(
        r#"<div id="watch7-content" class="watch-main-col" itemscope itemid="" itemtype="http://schema.org/VideoObject"><meta itemprop="name" content="{title}"><meta itemprop="duration" content="PT{minutes}M{seconds}S"><meta itemprop="identifier" content="{video_id}"><span itemprop="author" itemscope itemtype="http://schema.org/Person"><link itemprop="url" href="http://www.youtube.com/channel/{channel_id}"><link itemprop="name" content="{author}"></span><meta itemprop="isFamilyFriendly" content="{is_family_friendly}"><meta itemprop="interactionCount" content="{view_count}"><meta itemprop="datePublished" content="{publish_date}"><meta itemprop="genre" content="{category}"></div>"#
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Deserializer;

    use super::*;
    use crate::pages::{expected, id_from_name};

    const ALL: [Playability; 10] = [
        Playability::Ok,
        Playability::Live,
        Playability::Upcoming,
        Playability::AgeRestricted,
        Playability::GeoBlocked,
        Playability::MembersOnly,
        Playability::PaymentRequired,
        Playability::Private,
        Playability::Deleted,
        Playability::BotCheck,
    ];

    fn whole(id: &str, playability: Playability) -> String {
        let WatchPage { beginning, rest } = page(&expected(id), playability);
        beginning + &rest
    }

    fn assigned(page: &str, name: &str) -> Value {
        let (_, json) = page.split_once(&format!("var {name} = ")).unwrap();
        let mut values = Deserializer::from_str(json).into_iter();
        let value = values.next().unwrap().unwrap();
        assert!(json[values.byte_offset()..].starts_with(";</script>"), "{name} ends its script");
        value
    }

    #[test]
    fn no_text_ends_a_script_or_opens_an_element() {
        let frame = whole("aaaaaaaaaaa", Playability::Private).matches('<').count();
        assert!(frame > 10);
        let tags = |id: &str| {
            let page = whole(id, Playability::Ok);
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
    fn every_page_holds_what_the_player_route_answers() {
        for (n, playability) in ALL.into_iter().cycle().take(500).enumerate() {
            let id = id_from_name(&n.to_string());
            let page = whole(&id, playability);
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
