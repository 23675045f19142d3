use std::collections::HashSet;
use std::time::{Duration, Instant};

use linkrelay_common::{DocumentId, RequestId};
use linkrelay_store::LinkStore;
use linkrelay_store::contract::sample::{failed, stored};
use serde_json::{Value, json};

use crate::helpers::fake_publish::{Do, FakePublish};
use crate::helpers::kafka::Broker;
use crate::helpers::{LINK, NO_BROKER, OTHER_LINK, TestAnswer, TestApp, answer, settings};

/// Compares an answer's body with its snapshot, without the ids.
macro_rules! assert_snapshot {
    ($answer:expr) => {
        // Sorted, because another crate in the build decides whether serde_json preserves the
        // order.
        insta::with_settings!({ sort_maps => true }, {
            insta::assert_json_snapshot!($answer.json, {
                ".id" => "[id]",
                ".status_url" => "[status_url]",
                ".next" => "[next]",
                ".results[].document_id" => "[document_id]",
            })
        })
    };
}
pub(crate) use assert_snapshot;

const TRACE_PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_link_is_in_the_topic_when_201_is_answered() {
    let broker = Broker::with_topic();
    let app = TestApp::with_broker(&broker).await;
    let request = app.submission(&json!({"links": LINK})).header("traceparent", TRACE_PARENT);
    let taken = answer(request).await;
    assert_eq!(taken.status, 201, "{taken:?}");
    assert_eq!(taken.json["status_url"], format!("/links/{}", taken.id()));
    assert_snapshot!(taken);

    let records = broker.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].key, "5fR9AHlSDtc");
    assert_eq!(records[0].message.links, [LINK]);
    assert!(!records[0].message.force);
    let id: RequestId = taken.id().parse().unwrap();
    assert_eq!(records[0].headers.request, Some((id, 0)));
    assert_eq!(records[0].headers.trace_parent, TRACE_PARENT.parse().ok());
    assert!(records[0].headers.submitted_at.is_some());
    app.stop().await;
}

#[tokio::test]
async fn playlists_and_channels_are_accepted_if_they_can_be_expanded() {
    let playlist = "https://www.youtube.com/playlist?list=PL1";
    let links = json!({"links": [playlist, "youtube.com/@someone", LINK]});
    let (refusing, taking) = (FakePublish::new(|_| Do::Ack), FakePublish::new(|_| Do::Ack));
    let app = TestApp::with_publish(refusing.clone()).await;
    let partly = app.submit(&links).await;
    assert_eq!((partly.status, &partly.json["accepted"]), (207, &json!(1)));
    let code = |index: usize| partly.json["results"][index]["error"]["code"].clone();
    assert_eq!([code(0), code(1)], ["playlist", "channel"]);
    app.stop().await;

    let mut settings = settings(NO_BROKER);
    settings.api.expand_lists = Some(true);
    let app = TestApp::start(settings, taking.clone()).await;
    let taken = app.submit(&links).await;
    assert_eq!((taken.status, &taken.json["accepted"]), (201, &json!(3)), "{taken:?}");
    let keys: Vec<_> = taking.sent().iter().map(|sent| sent.target.key().into_owned()).collect();
    assert_eq!(keys, ["PL1", "@someone", "5fR9AHlSDtc"]);
    let id: RequestId = taken.id().parse().unwrap();
    assert_eq!(taking.sent()[0].document_id(), DocumentId::of_request(id, 0));
    let broken = app.submit(&json!({"links": "youtube.com/playlist?list="})).await;
    assert_eq!(broken.json["results"][0]["error"]["code"], "bad_list_name");
    let waiting =
        app.request("POST", "/links/send-message-axios").json(&json!({"links": playlist}));
    let waiting = answer(waiting).await;
    assert_eq!(waiting.status, 422, "no client waits for a list");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_links_becomes_one_record_for_each_link() {
    let broker = Broker::with_topic();
    let app = TestApp::with_broker(&broker).await;
    let taken = app.submit(&json!({"links": [LINK, OTHER_LINK, LINK], "force": true})).await;
    assert_eq!((taken.status, &taken.json["accepted"]), (201, &json!(3)), "{taken:?}");

    let id: RequestId = taken.id().parse().unwrap();
    assert_eq!(id.links_count(), 3);
    let mut records = broker.records();
    records.sort_by_key(|record| record.headers.request.unwrap().1);
    let indexes: Vec<_> = records.iter().map(|record| record.headers.request.unwrap()).collect();
    assert_eq!(indexes, [(id, 0), (id, 1), (id, 2)]);
    let links: Vec<_> = records.iter().map(|record| record.message.links[0].as_str()).collect();
    assert_eq!(links, [LINK, OTHER_LINK, LINK]);
    assert!(records.iter().all(|record| record.message.force));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_wrong_links_are_a_207_and_the_others_are_published() {
    let broker = Broker::with_topic();
    let app = TestApp::with_broker(&broker).await;
    let taken =
        app.submit(&json!({"links": ["hello", LINK, "https://example.com/", OTHER_LINK]})).await;
    assert_eq!(taken.status, 207, "{taken:?}");
    assert_snapshot!(taken);

    let id: RequestId = taken.id().parse().unwrap();
    assert_eq!(id.links_count(), 2, "the id counts the links that will have a document");
    let published: HashSet<_> = broker
        .records()
        .iter()
        .map(|record| {
            let (id, index) = record.headers.request.unwrap();
            (DocumentId::of_request(id, index).to_string(), record.message.links[0].clone())
        })
        .collect();
    let reported: HashSet<_> = taken.json["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|result| result["status"] == "accepted")
        .map(|result| {
            let text = |member: &str| result[member].as_str().unwrap().to_owned();
            (text("document_id"), text("link"))
        })
        .collect();
    assert_eq!(published, reported);
    app.stop().await;
}

#[tokio::test]
async fn only_wrong_links_are_a_422_and_nothing_is_published() {
    let publish = FakePublish::new(|_| Do::Ack);
    let app = TestApp::with_publish(publish.clone()).await;
    let long = format!("https://youtu.be/5fR9AHlSDtc?{}", "x".repeat(2_048));
    let links = ["https://youtu.be/short", "https://www.youtube.com/@someone", long.as_str()];
    let refused = app.submit(&json!({"links": links})).await;
    refused.assert_problem(422, "no_valid_links");
    assert_snapshot!(refused);
    assert_eq!(publish.sent().len(), 0);
    app.stop().await;
}

#[tokio::test]
async fn a_retry_with_its_key_names_the_same_documents() {
    let app = TestApp::with_acks().await;
    let submit = async |key: &str, links: Value| {
        let request = app.submission(&json!({"links": links})).header("idempotency-key", key);
        answer(request).await
    };
    let first = submit("order-17", json!([LINK, OTHER_LINK])).await;
    assert_eq!(first.status, 201);
    assert_eq!(submit("order-17", json!([LINK, OTHER_LINK])).await.id(), first.id());
    assert_eq!(submit("order-17", json!([LINK, "hello", OTHER_LINK])).await.id(), first.id());
    assert_ne!(submit("order-18", json!([LINK, OTHER_LINK])).await.id(), first.id());
    assert_ne!(submit("order-17", json!([OTHER_LINK, LINK])).await.id(), first.id());
    let without = app.submit(&json!({"links": LINK})).await;
    assert_ne!(app.submit(&json!({"links": LINK})).await.id(), without.id());
    submit("a b", json!(LINK)).await.assert_problem(400, "bad_idempotency_key");
    app.stop().await;
}

#[tokio::test]
async fn a_wrong_body_is_refused_with_its_reason() {
    let app = TestApp::with_acks().await;
    for (body, status, code) in [
        ("", 400, "bad_body"),
        ("{", 400, "bad_body"),
        ("[]", 400, "bad_body"),
        (r#"{"links": 5}"#, 400, "bad_body"),
        (r#"{"links": [5]}"#, 400, "bad_body"),
        (r#"{"link": "x"}"#, 400, "bad_body"),
        (r#"{"links": "x", "force": 1}"#, 400, "bad_body"),
        ("{\"links\": \"\u{fffd}", 400, "bad_body"),
        (r#"{"links": []}"#, 422, "no_links"),
        (r#"{"links": ""}"#, 422, "no_valid_links"),
    ] {
        let request = app.request("POST", "/links/send-message-kafka");
        let request = request.header("content-type", "application/json").body(body);
        answer(request).await.assert_problem(status, code);
    }
    let wrong_type = app.request("POST", "/links/send-message-kafka").body("links=x");
    answer(wrong_type).await.assert_problem(415, "unsupported_media_type");
    app.stop().await;
}

#[tokio::test]
async fn a_thousand_links_are_accepted_and_one_more_is_not() {
    let app = TestApp::with_acks().await;
    let taken = app.submit(&json!({"links": vec![LINK; 1_000]})).await;
    assert_eq!((taken.status, &taken.json["accepted"]), (201, &json!(1_000)));
    let refused = app.submit(&json!({"links": vec![LINK; 1_001]})).await;
    refused.assert_problem(422, "too_many_links");
    app.stop().await;
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_413() {
    let app = TestApp::with_acks().await;
    let padded = |bytes: usize| {
        let body = json!({"links": LINK, "padding": ""}).to_string();
        body.replace(
            r#""padding":"""#,
            &format!(r#""padding":"{}""#, "x".repeat(bytes - body.len())),
        )
    };
    let post = async |body: String| {
        let request = app.request("POST", "/links/send-message-kafka");
        answer(request.header("content-type", "application/json").body(body)).await
    };
    assert_eq!(post(padded(1_048_576)).await.status, 201);
    post(padded(1_048_577)).await.assert_problem(413, "body_too_large");
    post(padded(4_000_000)).await.assert_problem(413, "body_too_large");
    app.stop().await;
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_also_problems() {
    let app = TestApp::with_acks().await;
    app.get("/nowhere").await.assert_problem(404, "not_found");
    let wrong = app.get("/links/send-message-kafka").await;
    wrong.assert_problem(405, "method_not_allowed");
    assert_eq!(wrong.allow.as_deref(), Some("POST"));
    answer(app.request("PATCH", "/links/x")).await.assert_problem(405, "method_not_allowed");
    app.stop().await;
}

#[tokio::test]
async fn a_malformed_trace_is_not_published() {
    let publish = FakePublish::new(|_| Do::Ack);
    let app = TestApp::with_publish(publish.clone()).await;
    let request = app.submission(&json!({"links": LINK})).header("traceparent", "garbage");
    assert_eq!(answer(request).await.status, 201);
    assert_eq!(publish.sent()[0].trace_parent, None);
    app.stop().await;
}

#[tokio::test]
async fn a_panic_in_a_handler_is_a_500() {
    let app = TestApp::with_publish(FakePublish::new(|_| Do::Panic)).await;
    app.submit(&json!({"links": LINK})).await.assert_problem(500, "internal_error");
    assert_eq!(app.get("/health/live").await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn a_client_can_wait_for_documents_and_gets_those_that_are_there() {
    let app = TestApp::with_acks().await;
    let body = json!({"links": ["youtu.be/5fR9AHlSDtc", "hello", "youtu.be/dQw4w9WgXcQ"]});
    let key = "wait-for-documents";
    let post = |wait: &'static str| {
        let request = app.submission(&body).query(&[("wait", wait)]);
        answer(request.header("idempotency-key", key))
    };
    let statuses = |taken: &TestAnswer| {
        let results = taken.json["results"].as_array().unwrap().clone();
        results
            .iter()
            .map(|result| result["status"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let taken = post("0s").await;
    assert_eq!(
        (taken.status, statuses(&taken)),
        (207, vec!["accepted".into(), "rejected".into(), "accepted".into()])
    );
    let id: RequestId = taken.id().parse().unwrap();
    app.store.write_batch(&[failed(id, 1)]).await.unwrap();
    let taken = post("150ms").await;
    assert_eq!(statuses(&taken), ["accepted", "rejected", "failed"]);
    assert!(taken.json["results"][2]["error"]["code"].is_string(), "{taken:?}");
    // With both documents there is nothing to wait for.
    app.store.write_batch(&[stored(id, 0)]).await.unwrap();
    let begin = Instant::now();
    assert_eq!(statuses(&post("9s").await), ["stored", "rejected", "failed"]);
    assert!(begin.elapsed() < Duration::from_secs(8));
    // The links are safe, so a store that fails is not an error.
    app.store.set_down(true);
    assert_eq!(statuses(&post("50ms").await), ["accepted", "rejected", "accepted"]);
    for wrong in ["11s", "soon", "-1s"] {
        post(wrong).await.assert_problem(400, "bad_query");
    }
    app.stop().await;
}
