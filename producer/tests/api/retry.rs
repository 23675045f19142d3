use std::sync::Arc;

use linkrelay_common::RequestId;
use linkrelay_kafka::publish::PublishError;
use linkrelay_store::contract::sample::{expanded, failed, stored};
use linkrelay_store::{LinkDocument, LinkStore};
use serde_json::{Value, json};

use crate::helpers::fake_publish::{Do, FakePublish};
use crate::helpers::{LINK, NO_BROKER, TestAnswer, TestApp, answer, settings, until};

const TRACE_PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A failed document of a link that a client submitted.
fn failed_link(id: RequestId, index: u32) -> LinkDocument {
    LinkDocument { link: LINK.to_owned(), ..failed(id, index) }
}

async fn retry(app: &TestApp, path: &str, body: &Value) -> TestAnswer {
    answer(app.request("POST", path).json(body)).await
}

/// The indexes of the published records.
fn indexes(publish: &FakePublish) -> Vec<u32> {
    publish.sent().iter().map(|record| record.identity.index()).collect()
}

/// An app with a request of four links: failed, stored, failed, pending.
async fn with_failed_links(publish: &Arc<FakePublish>) -> (TestApp, RequestId, String) {
    let app = TestApp::with_publish(Arc::clone(publish) as _).await;
    let id = RequestId::new(4);
    let documents = [failed_link(id, 0), stored(id, 1), failed_link(id, 2)];
    app.store.write_batch(&documents).await.unwrap();
    (app, id, format!("/links/{id}/retry"))
}

#[tokio::test]
async fn the_failed_links_of_a_request_are_published_under_their_own_ids() {
    let publish = FakePublish::new(|_| Do::Ack);
    let (app, id, path) = with_failed_links(&publish).await;
    let request = app.request("POST", &path).header("content-type", "application/json");
    let retried = answer(request.header("traceparent", TRACE_PARENT)).await;
    let status_url = format!("/links/{id}");
    let expected = json!({"res": "ok", "id": id, "accepted": 2, "status_url": status_url});
    assert_eq!((retried.status, &retried.json), (202, &expected));
    let sent = publish.sent();
    let before = [failed_link(id, 0), failed_link(id, 2)];
    assert_eq!(sent.len(), before.len());
    for (record, document) in sent.iter().zip(&before) {
        assert_eq!(record.document_id(), document.id);
        assert_eq!((record.link.as_str(), record.target.key().as_ref()), (LINK, "5fR9AHlSDtc"));
        assert_eq!(Some(record.submitted_at), document.submitted_at);
        assert_eq!(record.trace_parent, TRACE_PARENT.parse().ok());
        assert!(record.force, "a cached refusal is no answer");
    }
    let status = app.get(&status_url).await;
    assert_eq!(status.json["failed"], 2, "until another outcome replaces them");
    app.stop().await;
}

#[tokio::test]
async fn chosen_links_are_retried_once_each_and_only_if_all_of_them_failed() {
    let publish = FakePublish::new(|_| Do::Ack);
    let (app, _, path) = with_failed_links(&publish).await;
    for (wrong, named) in [(json!([1]), json!([1])), (json!([0, 3, 2, 1, 99]), json!([1, 3, 99]))] {
        let refused = retry(&app, &path, &json!({ "indexes": wrong })).await;
        refused.assert_problem(409, "not_failed");
        assert_eq!(refused.json["indexes"], named);
    }
    assert_eq!(publish.sent(), []);
    let retried = retry(&app, &path, &json!({"indexes": [2, 2]})).await;
    assert_eq!((retried.status, &retried.json["accepted"]), (202, &json!(1)), "{retried:?}");
    assert_eq!(indexes(&publish), [2]);
    app.stop().await;
}

/// Another program may have written the link; a retry would only fail again.
#[tokio::test]
async fn a_failed_link_that_names_no_video_is_not_retried() {
    let publish = FakePublish::new(|_| Do::Ack);
    let (app, id, path) = with_failed_links(&publish).await;
    let wrong = LinkDocument { link: "hello".to_owned(), ..failed(id, 3) };
    app.store.write_batch(&[wrong]).await.unwrap();
    retry(&app, &path, &json!({"indexes": [3]})).await.assert_problem(409, "not_failed");
    assert_eq!(retry(&app, &path, &json!({})).await.json["accepted"], 2);
    assert_eq!(indexes(&publish), [0, 2]);
    app.stop().await;
}

#[tokio::test]
async fn a_request_without_failed_links_has_nothing_to_retry() {
    let publish = FakePublish::new(|_| Do::Ack);
    let app = TestApp::with_publish(publish.clone()).await;
    let retried = retry(&app, &format!("/links/{}/retry", RequestId::new(3)), &json!({})).await;
    assert_eq!((retried.status, &retried.json["accepted"]), (202, &json!(0)), "{retried:?}");
    assert_eq!(publish.sent(), []);
    app.stop().await;
}

#[tokio::test]
async fn the_failed_links_of_a_large_request_are_retried_page_by_page() {
    const PAGE: usize = 7;
    let publish = FakePublish::new(|_| Do::Ack);
    let mut settings = settings(NO_BROKER);
    settings.api.intake.max_links_per_request = PAGE;
    let app = TestApp::start(settings, publish.clone()).await;
    let id = RequestId::new(3);
    // The videos of the two lists are far apart.
    let videos = (3..1_503).chain([20_003, 20_004]);
    let mut documents = vec![expanded(id, 0, 1_500), failed_link(id, 1), expanded(id, 2, 2)];
    let fails = |index: &u32| index.is_multiple_of(50) || *index > 20_000;
    documents.extend(videos.clone().map(|index| match fails(&index) {
        true => failed_link(id, index),
        false => stored(id, index),
    }));
    app.store.write_batch(&documents).await.unwrap();
    let mut next = Some(format!("/links/{id}/retry"));
    let mut pages = Vec::new();
    while let Some(path) = next {
        let retried = retry(&app, &path, &json!({})).await;
        assert_eq!(retried.status, 202, "{retried:?}");
        pages.push(retried.json["accepted"].as_u64().unwrap());
        next = retried.json["next"].as_str().map(str::to_owned);
    }
    assert_eq!(pages, [7, 7, 7, 7, 5]);
    let expected: Vec<u32> = [1].into_iter().chain(videos.filter(fails)).collect();
    assert_eq!(indexes(&publish), expected);
    app.stop().await;
}

#[tokio::test]
async fn a_retry_is_answered_once_the_broker_has_every_link() {
    let publish = FakePublish::new(|_| Do::Hold);
    let (app, _, path) = with_failed_links(&publish).await;
    let request = app.request("POST", &path).json(&json!({}));
    let waiting = tokio::spawn(answer(request));
    until("both links are sent", async || publish.sent().len() == 2).await;
    assert!(!waiting.is_finished());
    publish.release();
    assert_eq!(waiting.await.unwrap().status, 202);
    app.stop().await;
}

#[tokio::test]
async fn what_the_broker_does_not_take_is_a_503_that_names_it() {
    let publish = FakePublish::new(|record| match record {
        0 => Do::Ack,
        _ => Do::Refuse(PublishError::QueueFull),
    });
    let (app, id, path) = with_failed_links(&publish).await;
    let refused = retry(&app, &path, &json!({})).await;
    refused.assert_problem(503, "queue_full");
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    assert_eq!((&refused.json["accepted"], refused.id()), (&json!(1), id.to_string().as_str()));
    let outcome = |position: usize| {
        let result = &refused.json["results"][position];
        (result["index"].clone(), result["status"].clone(), result["error"]["code"].clone())
    };
    assert_eq!(outcome(0), (json!(0), json!("accepted"), Value::Null));
    assert_eq!(outcome(1), (json!(2), json!("unavailable"), json!("queue_full")));
    let detail = refused.json["detail"].as_str().unwrap();
    assert!(detail.contains("Send the same request again"), "{detail}");
    app.stop().await;
}

#[tokio::test]
async fn bad_input_and_a_failing_store_publish_nothing() {
    let publish = FakePublish::new(|_| Do::Ack);
    let (app, id, path) = with_failed_links(&publish).await;
    let many: Vec<u32> = (0..1_001).collect();
    for (body, status, code) in [
        (json!({"index": [0]}), 400, "bad_body"),
        (json!({"indexes": "0"}), 400, "bad_body"),
        (json!({"indexes": [-1]}), 400, "bad_body"),
        (json!([0]), 400, "bad_body"),
        (json!({"indexes": []}), 422, "no_links"),
        (json!({ "indexes": many }), 422, "too_many_links"),
    ] {
        retry(&app, &path, &body).await.assert_problem(status, code);
    }
    for path in ["/links/rubbish/retry", "/links/%ff/retry", &format!("/links/{id}x/retry")] {
        retry(&app, path, &json!({})).await.assert_problem(400, "bad_request_id");
    }
    let query = format!("{path}?from=x");
    retry(&app, &query, &json!({})).await.assert_problem(400, "bad_query");
    let no_json = answer(app.request("POST", &path)).await;
    no_json.assert_problem(415, "unsupported_media_type");
    let got = app.get(&path).await;
    assert_eq!((got.status, got.allow.as_deref()), (405, Some("POST")), "{got:?}");
    app.store.set_down(true);
    for body in [json!({}), json!({"indexes": [0]})] {
        retry(&app, &path, &body).await.assert_problem(503, "store_unavailable");
    }
    assert_eq!(publish.sent(), []);
    app.stop().await;
}
