use linkrelay_common::{DocumentId, RequestId};
use linkrelay_store::LinkStore;
use linkrelay_store::contract::sample::stored;
use linkrelay_store::testing::Method;
use linkrelay_store::{LinkDocument, LinkState};
use serde_json::{Value, json};

use crate::helpers::fake_publish::{Do, FakePublish};
use crate::helpers::{LINK, NO_BROKER, OTHER_LINK, TestAnswer, TestApp, answer, settings};
use crate::submit::assert_snapshot;

const TEXTS: [&str; 9] = [
    "hello",
    "two: https://youtu.be/5fR9AHlSDtc, and [this one](https://youtu.be/dQw4w9WgXcQ).",
    "https://www.youtube.com/playlist?list=PL1 https://www.youtube.com/@someone",
    "https://example.com/ https://t.co/x",
    "https://www.youtube.com/channel/UC0123456789012345678901/videos",
    "https://www.youtube.com/@someone/shorts",
    "https://m.youtube.com/watch?v=5fR9AHlSDtc&list=PL1",
    "https://youtu.be/x",
    "https://www.youtube.com/watch_videos?video_ids=5fR9AHlSDtc,dQw4w9WgXcQ",
];

async fn parse(app: &TestApp, body: &Value) -> TestAnswer {
    answer(app.request("POST", "/links/parse").json(body)).await
}

#[tokio::test]
async fn a_text_is_explained_and_nothing_is_published() {
    let publish = FakePublish::new(|_| Do::Ack);
    let mut settings = settings(NO_BROKER);
    settings.api.expand_lists = Some(true);
    let app = TestApp::start(settings, publish.clone()).await;
    let id = RequestId::new(2);
    let of = |index, video_id: &str, status| LinkDocument {
        video_id: Some(video_id.to_owned()),
        status,
        id: DocumentId::of_request(id, index),
        ..stored(id, index)
    };
    let documents =
        [of(0, "5fR9AHlSDtc", LinkState::Stored), of(1, "dQw4w9WgXcQ", LinkState::Failed)];
    app.store.write_batch(&documents).await.unwrap();
    let parsed = parse(&app, &json!({ "links": TEXTS })).await;
    assert_eq!(parsed.status, 200, "{parsed:?}");
    assert_snapshot!(parsed);
    assert_eq!(publish.sent(), []);
    assert_eq!(app.store.documents_count(), 2);
    app.stop().await;
}

/// Whatever a client sends: what `parse` shows is what submitting answers.
#[tokio::test]
async fn parse_and_submit_agree() {
    for takes_lists in [false, true] {
        let mut settings = settings(NO_BROKER);
        settings.api.expand_lists = Some(takes_lists);
        settings.api.intake.max_links_per_request = 14;
        let app = TestApp::start(settings, FakePublish::new(|_| Do::Ack)).await;
        // A rejected text with each, so that submitting answers with results.
        let texts = TEXTS.iter().map(|text| json!({ "links": ["hello", text] }));
        for body in texts.chain([json!({ "links": TEXTS })]) {
            let (parsed, submitted) = (parse(&app, &body).await, app.submit(&body).await);
            assert_eq!(parsed.status, 200, "{parsed:?}");
            let fields = |links: &Value| -> Vec<Value> {
                let links = links.as_array().unwrap().iter();
                let field = |link: &Value| {
                    ["index", "source", "link", "status", "error"].map(|name| link[name].clone())
                };
                links.map(|link| json!(field(link))).collect()
            };
            assert_eq!(fields(&parsed.json["links"]), fields(&submitted.json["results"]), "{body}");
            let accepted = submitted.json["accepted"].as_u64().unwrap_or(0);
            assert_eq!(parsed.json["totals"]["accepted"], accepted, "{body}");
        }
        let too_many = vec![LINK; 15];
        for body in [
            json!({}),
            json!({"links": 5}),
            json!({"links": []}),
            json!({"links": ["a", null]}),
            json!({ "links": too_many }),
        ] {
            let (parsed, submitted) = (parse(&app, &body).await, app.submit(&body).await);
            assert_eq!((parsed.status, parsed.json), (submitted.status, submitted.json), "{body}");
        }
        let form = app.request("POST", "/links/parse").form(&[("links", LINK)]);
        answer(form).await.assert_problem(415, "unsupported_media_type");
        app.stop().await;
    }
}

#[tokio::test]
async fn a_store_that_fails_only_leaves_out_what_is_stored() {
    let app = TestApp::with_acks().await;
    let body = json!({ "links": [LINK, OTHER_LINK] });
    let stored_of = |parsed: &TestAnswer| {
        assert_eq!((parsed.status, &parsed.json["totals"]["accepted"]), (200, &json!(2)));
        let link = |index: usize| parsed.json["links"][index].get("stored").cloned();
        (parsed.json["totals"]["stored"].clone(), [link(0), link(1)])
    };
    let unknown = (Value::Null, [Some(Value::Null), Some(Value::Null)]);
    app.store.set_down(true);
    assert_eq!(stored_of(&parse(&app, &body).await), unknown);
    app.store.set_down(false);
    app.store.fail(Method::StoredAmong, 1..2);
    assert_eq!(stored_of(&parse(&app, &body).await), unknown);
    let known = (json!(0), [Some(json!(false)), Some(json!(false))]);
    assert_eq!(stored_of(&parse(&app, &body).await), known);
    app.store.hang(Method::StoredAmong);
    assert_eq!(stored_of(&parse(&app, &body).await), unknown);
    app.stop().await;
}
