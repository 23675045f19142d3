use linkrelay_fake_youtube::pages::{self, GeneratedVideo};
use linkrelay_fake_youtube::{Edit, Failure};
use linkrelay_testkit::wait::ok_if;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::helpers::{link, until, video_id};
use crate::role::{Role, stop};
use crate::site::Site;

type Change = fn(&mut Value);

/// A producer and a consumer that asks by these strategies, once for each link.
async fn roles(site: &Site, strategies: &str) -> (Role, Role) {
    let settings =
        [("EXTRACTORS", strategies), ("MAX_ATTEMPTS", "1"), ("YOUTUBE_API_KEY", "a-key")];
    site.roles(&[], &settings).await
}

/// The document of a new link to the video with this number.
async fn document(site: &Site, producer: &Role, number: usize) -> Document {
    let id = producer.post_valid(&json!(link(number))).await;
    producer.until_nothing_is_pending(&id).await;
    let id = doc! { "_id": format!("{id}:0") };
    site.documents.find_one(id).await.unwrap().expect("a document")
}

/// The field at this path, as JSON.
fn field(document: &Document, path: &str) -> Value {
    let pointer = format!("/{}", path.replace('.', "/"));
    json!(document).pointer(&pointer).cloned().unwrap_or(Value::Null)
}

fn video(number: usize) -> GeneratedVideo {
    pages::expected(&video_id(number))
}

/// The first video that has what a test needs.
fn number_with(is_wanted: impl Fn(&GeneratedVideo) -> bool) -> usize {
    (0..).find(|number| is_wanted(&video(*number))).unwrap()
}

/// Calls `change` with the value at this pointer, if the JSON has it.
fn at(json: &mut Value, pointer: &str, change: impl FnOnce(&mut Value)) {
    if let Some(value) = json.pointer_mut(pointer) {
        change(value);
    }
}

fn remove(object: &mut Value, keys: &[&str]) {
    let members = object.as_object_mut().unwrap();
    for key in keys {
        members.remove(*key);
    }
}

fn set_title(json: &mut Value, title: &str) {
    for pointer in [
        "/videoDetails/title",
        "/microformat/playerMicroformatRenderer/title/simpleText",
        "/snippet/title",
        "/title",
    ] {
        at(json, pointer, |old| *old = json!(title));
    }
}

const MICROFORMAT_TITLE: Edit = Edit {
    json: |json| {
        at(json, "/videoDetails", |details| remove(details, &["title", "shortDescription"]));
    },
    bytes: &[],
};
const MICROFORMAT_ALONE: Edit = Edit {
    json: |json| {
        if json.get("microformat").is_some() {
            remove(json, &["videoDetails"]);
        }
    },
    bytes: &[],
};

#[tokio::test(flavor = "multi_thread")]
async fn a_title_in_the_microformat_alone_is_read_from_the_page_with_one_request() {
    let site = Site::new().await;
    let (producer, consumer) = roles(&site, "watch_page,innertube,rusty_ytdl,oembed").await;
    let number = number_with(|video| video.title.contains('&') && !video.description.is_empty());
    for (number, edit) in [(number, MICROFORMAT_TITLE), (number + 1_000, MICROFORMAT_ALONE)] {
        site.fake.set_edit(&video_id(number), edit);
        let stored = document(&site, &producer, number).await;
        let (source, expected) = (field(&stored, "source"), video(number));
        assert_eq!(
            (&field(&stored, "video.title"), source),
            (&json!(expected.title), json!("watch_page"))
        );
        let description = Some(expected.description).filter(|text| !text.is_empty());
        assert_eq!(field(&stored, "video.description"), json!(description));
        assert_eq!(field(&stored, "video.author.name"), json!(expected.author));
        assert_eq!(field(&stored, "video.author.channel_id"), json!(expected.channel_id));
        assert_eq!(site.fake.hits().video(&video_id(number)), 1);
    }
    stop([producer, consumer]).await;
}

#[cfg(feature = "rusty-ytdl")]
#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_rusty_ytdl_reads_is_what_its_author_typed() {
    let site = Site::new().await;
    let (producer, consumer) = roles(&site, "rusty_ytdl").await;
    let edit = |json: &mut Value| {
        set_title(json, "On & On <3 | what &amp; is");
        at(json, "/videoDetails/shortDescription", |text| *text = json!("a > b &lt; c &quot;"));
        at(json, "/videoDetails/keywords", |keywords| *keywords = json!(["rock & roll", "&amp;"]));
        at(json, "/microformat/playerMicroformatRenderer/ownerChannelName", |name| {
            *name = json!("Rock & Roll");
        });
    };
    // As YouTube writes them, and as they may also be in JSON.
    let plain: &[(&str, &[u8])] = &[(r"\u0026", b"&"), (r"\u003e", b">")];
    let number = number_with(|video| !video.keywords.is_empty());
    for (number, bytes) in [(number, &[][..]), (number, plain)] {
        site.fake.set_edit(&video_id(number), Edit { json: edit, bytes });
        let id = producer.post_body(&json!({"links": link(number), "force": true})).await;
        producer.until_nothing_is_pending(&id).await;
        let id = doc! { "_id": format!("{id}:0") };
        let stored = site.documents.find_one(id).await.unwrap().unwrap();
        for (path, expected) in [
            ("video.title", json!("On & On <3 | what &amp; is")),
            ("video.description", json!("a > b &lt; c &quot;")),
            ("video.keywords", json!(["rock & roll", "&amp;"])),
            ("video.author.name", json!("Rock & Roll")),
        ] {
            assert_eq!(field(&stored, path), expected, "{path} {bytes:?}");
        }
    }
    stop([producer, consumer]).await;
}

/// What no JSON value can hold: half a character, its halves in the wrong order, a stray byte.
const BROKEN: &[(&str, &[u8])] =
    &[("HALF", br"\ud83d"), ("PAIR", br"\ude00\ud83d"), ("BYTE", b"\xff")];

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_not_unicode_is_replaced_there_and_kept_elsewhere_by_every_strategy() {
    let site = Site::new().await;
    let edit =
        Edit { json: |json| set_title(json, "half HALF pair PAIR byte BYTE end"), bytes: BROKEN };
    let rusty_ytdl = cfg!(feature = "rusty-ytdl").then_some("rusty_ytdl");
    let strategies =
        ["watch_page", "innertube", "oembed", "data_api"].into_iter().chain(rusty_ytdl);
    for (number, strategy) in strategies.enumerate() {
        site.fake.set_edit(&video_id(number), edit);
        let (producer, consumer) = roles(&site, strategy).await;
        let stored = document(&site, &producer, number).await;
        let title = "half \u{fffd} pair \u{fffd}\u{fffd} byte \u{fffd} end";
        assert_eq!(field(&stored, "video.title"), json!(title), "{strategy}: {stored}");
        assert_eq!(field(&stored, "source"), json!(strategy));
        let author = video(number).author;
        assert_eq!(field(&stored, "video.author.name"), json!(author), "{strategy}");
        stop([producer, consumer]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blank_title_is_stored_with_the_rest_of_the_metadata() {
    let site = Site::new().await;
    let (producer, consumer) = roles(&site, "watch_page,innertube").await;
    let empty: Change = |json| set_title(json, "");
    let space: Change = |json| set_title(json, " \u{a0}");
    for (number, json, title) in [(0, empty, ""), (1, space, " \u{a0}")] {
        site.fake.set_edit(&video_id(number), Edit { json, bytes: &[] });
        let stored = document(&site, &producer, number).await;
        assert_eq!(field(&stored, "status"), json!("stored"), "{stored}");
        assert_eq!(field(&stored, "video.title"), json!(title));
        assert_eq!(field(&stored, "video.author.name"), json!(video(number).author));
        assert_eq!(field(&stored, "source"), json!("watch_page"));
        assert_eq!(site.fake.hits().video(&video_id(number)), 1);
    }
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_that_has_ended_is_neither_upcoming_nor_live() {
    let site = Site::new().await;
    let (producer, consumer) = roles(&site, "watch_page").await;
    let ended = Edit {
        json: |json| {
            let times = "/microformat/playerMicroformatRenderer/liveBroadcastDetails";
            at(json, times, |times| times["endTimestamp"] = json!("2026-01-02T03:04:05+00:00"));
        },
        bytes: &[],
    };
    let plays = Edit {
        json: |json| at(json, "/playabilityStatus/status", |status| *status = json!("OK")),
        bytes: &[],
    };
    for (number, failure, edit, expected) in [
        (0, Failure::Upcoming, Edit::default(), ("upcoming", false, true)),
        (1, Failure::Upcoming, ended, ("unavailable", false, false)),
        (2, Failure::Upcoming, plays, ("ok", false, false)),
        (3, Failure::Live, Edit::default(), ("ok", true, false)),
        (4, Failure::Live, ended, ("ok", false, false)),
    ] {
        site.fake.set_failure(&video_id(number), Some(failure));
        site.fake.set_edit(&video_id(number), edit);
        let stored = document(&site, &producer, number).await;
        let fields = ["availability", "is_live", "is_upcoming"];
        let actual = fields.map(|name| field(&stored, &format!("video.{name}")));
        let (availability, is_live, is_upcoming) = expected;
        assert_eq!(actual, [json!(availability), json!(is_live), json!(is_upcoming)], "{number}");
    }
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_about_an_age_or_a_bot_are_not_taken_for_a_private_video() {
    fn says(json: &mut Value, message: &str) {
        at(json, "/playabilityStatus", |status| {
            *status = json!({"status": "LOGIN_REQUIRED", "messages": [message]});
        });
    }
    let site = Site::new().await;
    let (producer, consumer) = roles(&site, "watch_page").await;
    let edits: [(Change, &str); 4] = [
        (
            |json| {
                says(json, "This is a private video. Please sign in to verify that you may see it.")
            },
            "private",
        ),
        (|json| says(json, "Sign in to confirm your age"), "age_restricted"),
        (|json| says(json, "Melde dich an, um dein Alter zu bestätigen"), "age_restricted"),
        (|json| says(json, "年齢を確認するにはログインしてください"), "age_restricted"),
    ];
    for (number, (json, class)) in edits.into_iter().enumerate() {
        site.fake.set_failure(&video_id(number), Some(Failure::Private));
        site.fake.set_edit(&video_id(number), Edit { json, bytes: &[] });
        let failed = document(&site, &producer, number).await;
        let message = field(&failed, "error.message").to_string();
        let (private, adults) = (message.contains("private"), message.contains("adults"));
        assert_eq!((private, adults), (class == "private", class != "private"), "{failed}");
    }
    // A bot check is throttling: the link waits and is stored when YouTube answers.
    let json: Change = |json| says(json, "Inicia sesión para confirmar que no eres un bot");
    site.fake.set_failure(&video_id(9), Some(Failure::Private));
    site.fake.set_edit(&video_id(9), Edit { json, bytes: &[] });
    let id = producer.post_valid(&json!(link(9))).await;
    until("the consumer to cool down", async || {
        let metrics = consumer.metrics().await;
        let asked = site.fake.hits().video(&video_id(9));
        let status = producer.status(&id).await;
        assert_eq!(status["failed"], 0, "{status}");
        let cooled_down = !metrics.contains("linkrelay_cool_downs_total 0\n");
        ok_if(asked >= 1 && cooled_down, metrics)
    })
    .await;
    site.fake.set_edit(&video_id(9), Edit::default());
    site.fake.set_failure(&video_id(9), None);
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 1);
    stop([producer, consumer]).await;
}

const OWNER: &str = "/contents/twoColumnWatchNextResults/results/results/contents/0\
                     /videoSecondaryInfoRenderer/owner/videoOwnerRenderer";

/// Makes the owner's box that of a collaboration with another channel, which comes first.
fn collaboration(json: &mut Value) {
    at(json, OWNER, |owner| {
        let entry = |name: &Value, channel_id: &Value, subscribers: &str, images: Value| {
            let browse = json!({"browseEndpoint": {"browseId": channel_id}});
            json!({"listItemViewModel": {
                "title": {
                    "content": name,
                    "commandRuns": [{"onTap": {"innertubeCommand": browse}}],
                    "attachmentRuns": images,
                },
                "subtitle": {"content": format!("\u{200e}@handle\u{200e} • \u{200e}{subscribers}")},
            }})
        };
        let is_verified = !owner["badges"].as_array().unwrap().is_empty();
        let check = json!([{"element": {"type": {"imageType": {"image": {"sources": [
            {"clientResource": {"imageName": "CHECK_CIRCLE_FILLED"}},
        ]}}}}}]);
        let (check, other) = if is_verified { (check, json!([])) } else { (json!([]), check) };
        let channel = owner["navigationEndpoint"]["browseEndpoint"]["browseId"].clone();
        let subscribers = owner["subscriberCountText"]["simpleText"].as_str().unwrap();
        let dialog = json!({"showDialogCommand": {"panelLoadingStrategy": {"inlineContent": {
            "dialogViewModel": {"customContent": {"listViewModel": {"listItems": [
                entry(&json!("Other"), &json!("UCother"), "7 subscribers", other),
                entry(&owner["title"]["runs"][0]["text"], &channel, subscribers, check),
            ]}}},
        }}}});
        *owner = json!({
            "avatarStack": {"avatarStackViewModel": {"avatars": []}},
            "attributedTitle": {
                "content": "Other and 1 more",
                "commandRuns": [{"onTap": {"innertubeCommand": dialog}}],
            },
            "navigationEndpoint": dialog,
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collaboration_keeps_the_subscribers_and_the_badge_of_its_channel() {
    let site = Site::new().await;
    let (producer, consumer) = roles(&site, "watch_page").await;
    for is_verified in [true, false] {
        let number = number_with(|video| video.channel_verified == is_verified);
        let edit = Edit { json: collaboration, bytes: &[] };
        site.fake.set_edit(&video_id(number), edit);
        let stored = document(&site, &producer, number).await;
        let expected = video(number);
        assert_eq!(field(&stored, "video.author.subscribers"), json!(expected.subscribers));
        assert_eq!(field(&stored, "video.author.verified"), json!(is_verified));
        assert_eq!(field(&stored, "video.author.name"), json!(expected.author));
    }
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chapters_are_read_from_whichever_map_has_them() {
    let site = Site::new().await;
    let (producer, consumer) = roles(&site, "watch_page").await;
    let number = number_with(|video| !video.chapters.is_empty());
    let edit = Edit {
        json: |json| {
            let overlay = "/playerOverlays/playerOverlayRenderer";
            at(json, overlay, |overlay| {
                let heat = json!([{"key": "HEATSEEKER", "value": {"heatmap": {}}}]);
                let bar = overlay["decoratedPlayerBarRenderer"].clone();
                *overlay = json!({
                    "aFirstBar": {"markersMap": heat}, "decoratedPlayerBarRenderer": bar,
                });
            });
        },
        bytes: &[],
    };
    site.fake.set_edit(&video_id(number), edit);
    let stored = document(&site, &producer, number).await;
    let chapters = field(&stored, "video.chapters");
    let chapters = chapters.as_array().map(Vec::as_slice).unwrap_or_default();
    let titles: Vec<&str> = chapters.iter().filter_map(|it| it["title"].as_str()).collect();
    let expected = video(number).chapters;
    let expected: Vec<&str> = expected.iter().map(|chapter| chapter.title.as_str()).collect();
    assert_eq!(titles, expected);
    stop([producer, consumer]).await;
}
