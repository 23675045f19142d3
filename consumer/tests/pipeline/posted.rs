use std::time::Duration;

use jiff::Timestamp;
use linkrelay_extractor::{ExtractError, Refusal};
use linkrelay_store::testing::Method;
use linkrelay_store::{LinkState, LinkStore};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::relay::{Relay, Running, link, until, video_id};

/// An answer, read to its end.
#[derive(Debug)]
struct HttpAnswer {
    status: u16,
    retry_after: Option<String>,
    json: Value,
}

impl HttpAnswer {
    fn statuses(&self) -> Vec<&str> {
        let results = self.json["results"].as_array().unwrap();
        results.iter().map(|result| result["status"].as_str().unwrap()).collect()
    }
}

async fn post(running: &Running, body: &Value) -> HttpAnswer {
    post_with(running, &[], body).await
}

async fn post_with(running: &Running, headers: &[(&str, &str)], body: &Value) -> HttpAnswer {
    let request = reqwest::Client::new().post(&running.links_url).json(body);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.unwrap();
    let retry_after = response.headers().get("retry-after").cloned();
    HttpAnswer {
        status: response.status().as_u16(),
        retry_after: retry_after.map(|value| value.to_str().unwrap().to_owned()),
        json: response.json().await.unwrap(),
    }
}

/// Sends a request in a task. To abort the task is to disconnect the client.
fn posting(running: &Running, body: Value) -> JoinHandle<()> {
    let request = reqwest::Client::new().post(&running.links_url).json(&body);
    tokio::spawn(async move {
        drop(request.send().await);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_answered_when_their_documents_are_there() {
    let relay = Relay::start();
    relay.extractor.always_fail(video_id(2), ExtractError::Refused(Refusal::Private));
    let running = relay.consume("").await;
    let answer = post(&running, &json!({"links": [link(1), link(2)]})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json["res"], "ok");
    assert_eq!((&answer.json["stored"], &answer.json["failed"]), (&json!(1), &json!(1)));
    assert_eq!(answer.statuses(), ["stored", "failed"]);
    assert_eq!(answer.json["results"][1]["error"]["code"], "private");
    let id = answer.json["id"].as_str().unwrap();
    assert_eq!(answer.json["status_url"], format!("/links/{id}"));
    let documents = relay.store.documents();
    assert_eq!(documents.len(), 2);
    for (document, result) in documents.iter().zip(answer.json["results"].as_array().unwrap()) {
        assert_eq!(result["document_id"], document.id.as_str());
        assert_eq!(document.request_id.unwrap().to_string(), id);
        assert_eq!(document.kafka, None);
        assert!(document.submitted_at.is_some());
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_deleted_request_stores_nothing_and_says_so() {
    let relay = Relay::start();
    let running = relay.consume("").await;
    let key = [("idempotency-key", "mine")];
    let body = json!({"links": link(1)});
    let first = post_with(&running, &key, &body).await;
    assert_eq!(first.statuses(), ["stored"]);
    let id = first.json["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(relay.store.delete_request(id, Timestamp::now()).await, Ok(1));
    let again = post_with(&running, &key, &body).await;
    assert_eq!(again.statuses(), ["failed"], "{again:?}");
    assert_eq!(again.json["results"][0]["error"]["code"], "deleted");
    let [document] = relay.store.documents().try_into().unwrap();
    assert_eq!((document.status, document.video), (LinkState::Deleted, None));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_link_is_rejected_and_the_others_are_stored() {
    let relay = Relay::start();
    let running = relay.consume("").await;
    let answer = post(&running, &json!({"links": [link(1), "hello", link(3)]})).await;
    assert_eq!((answer.status, &answer.json["res"]), (207, &json!("partial")), "{answer:?}");
    assert_eq!(answer.statuses(), ["stored", "rejected", "stored"]);
    let none = post(&running, &json!({"links": "hello"})).await;
    assert_eq!((none.status, &none.json["code"]), (422, &json!("no_valid_links")));
    let wrong = post(&running, &json!({"links": 5})).await;
    assert_eq!((wrong.status, &wrong.json["code"]), (400, &json!("bad_body")));
    assert_eq!(relay.store.documents_count(), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_failure_is_retried_and_then_left_to_the_client() {
    let relay = Relay::start();
    relay.extractor.fail(video_id(1), [ExtractError::Status(503), ExtractError::Status(503)]);
    relay.extractor.always_fail(video_id(2), ExtractError::Status(503));
    let throttled =
        ExtractError::Throttled { reason: "status_429", retry_after: Some(Duration::from_secs(7)) };
    relay.extractor.always_fail(video_id(3), throttled);
    let running = relay.consume("--max-attempts 3").await;
    let answer = post(&running, &json!({"links": [link(1), link(2)]})).await;
    assert_eq!(answer.status, 207, "{answer:?}");
    assert_eq!(answer.statuses(), ["stored", "unavailable"]);
    assert_eq!(answer.json["results"][1]["error"]["code"], "bad_status");
    let answer = post(&running, &json!({"links": link(3)})).await;
    assert_eq!((answer.status, &answer.json["code"]), (503, &json!("throttled")), "{answer:?}");
    assert_eq!(answer.retry_after.as_deref(), Some("7"));
    assert_eq!(relay.store.documents_count(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_long_is_504_and_leaves_no_document() {
    let relay = Relay::start();
    relay.extractor.hang(video_id(1));
    let running = relay.consume("").await;
    let soon = [("linkrelay-timeout-ms", "400")];
    let answer = post_with(&running, &soon, &json!({"links": link(1)})).await;
    assert_eq!((answer.status, &answer.json["code"]), (504, &json!("wait_timeout")), "{answer:?}");
    assert_eq!(answer.statuses(), ["unavailable"]);
    assert_eq!(relay.store.documents_count(), 0);
    let answer = post_with(&running, &soon, &json!({"links": [link(1), link(2)]})).await;
    assert_eq!(answer.status, 207, "{answer:?}");
    assert_eq!(answer.statuses(), ["unavailable", "stored"]);
    assert_eq!(relay.store.documents_count(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_again_writes_nothing_twice_and_answers_what_is_stored() {
    let relay = Relay::start();
    let running = relay.consume("").await;
    let (key, body) = ([("idempotency-key", "k")], json!({"links": [link(1), link(2)]}));
    let first = post_with(&running, &key, &body).await;
    relay.extractor.always_fail(video_id(2), ExtractError::Refused(Refusal::Private));
    let second = post_with(&running, &key, &body).await;
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.json, second.json);
    assert_eq!(relay.store.documents_count(), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_beyond_the_limit_is_refused_immediately() {
    let relay = Relay::start();
    relay.extractor.close_gate();
    let running = relay.consume("--post-links-in-flight 2 --post-links-waiting 1").await;
    let waiting = posting(&running, json!({"links": [link(1), link(2), link(3)]}));
    until("two are asked for", || relay.extractor.in_flight() == 2).await;
    let refused = post(&running, &json!({"links": link(4)})).await;
    assert_eq!((refused.status, &refused.json["code"]), (503, &json!("overloaded")), "{refused:?}");
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    relay.extractor.open_gate();
    waiting.await.unwrap();
    assert_eq!(relay.store.documents_count(), 3);
    // It has more links than there are slots, and no other request is there.
    let large = post(&running, &json!({"links": (4..9).map(link).collect::<Vec<_>>()})).await;
    assert_eq!(large.status, 201, "{large:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_disconnects_during_the_lookup_leaves_no_document() {
    let relay = Relay::start();
    relay.extractor.hang(video_id(2));
    let running = relay.consume("--post-links-in-flight 2 --post-links-waiting 0").await;
    let disconnected = posting(&running, json!({"links": [link(1), link(2)]}));
    until("one of them hangs", || {
        relay.extractor.calls_count() == 2 && relay.extractor.in_flight() == 1
    })
    .await;
    disconnected.abort();
    until("it is dropped", || relay.extractor.in_flight() == 0).await;
    relay.extractor.recover();
    // Its slots are free again.
    let next = post(&running, &json!({"links": [link(3), link(4)]})).await;
    assert_eq!(next.status, 201, "{next:?}");
    assert_eq!(relay.store.documents_count(), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_in_flight_is_finished_after_the_client_has_disconnected() {
    let relay = Relay::start();
    relay.store.set_down(true);
    let running = relay.consume("").await;
    let disconnected = posting(&running, json!({"links": [link(1), link(2)]}));
    until("the store has refused it", || {
        relay.extractor.calls_count() == 2 && relay.store.counts(Method::WriteBatch).failed > 0
    })
    .await;
    disconnected.abort();
    relay.store.set_down(false);
    until("both are written", || relay.store.documents_count() == 2).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_in_time_is_503() {
    let relay = Relay::start();
    relay.store.set_down(true);
    let running = relay.consume("").await;
    let soon = [("linkrelay-timeout-ms", "400")];
    let answer = post_with(&running, &soon, &json!({"links": link(1)})).await;
    let code = &answer.json["code"];
    assert_eq!((answer.status, code), (503, &json!("store_unavailable")), "{answer:?}");
    relay.store.set_down(false);
    until("the store works again", || running.is_ready()).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_the_store_refuses_is_a_failed_one() {
    let relay = Relay::start();
    relay.store.refuse(&link(1));
    let running = relay.consume("").await;
    let answer = post(&running, &json!({"links": [link(1), link(2)]})).await;
    assert_eq!(answer.statuses(), ["failed", "stored"], "{answer:?}");
    assert_eq!(answer.json["results"][0]["error"]["code"], "refused_by_store");
    assert_eq!(relay.store.documents()[0].status, LinkState::Failed);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_requests_end_and_takes_no_new_ones() {
    let relay = Relay::start();
    // So that the drain has something to wait for.
    relay.extractor.close_gate();
    let running = relay.consume("--drain-timeout 30s").await;
    relay.publish_links(0..1).await;
    until("a record is in flight", || relay.extractor.in_flight() == 1).await;
    let waiting = posting(&running, json!({"links": link(5)}));
    until("the request is in flight as well", || relay.extractor.in_flight() == 2).await;
    running.begin_stop();
    let refused = post(&running, &json!({"links": link(6)})).await;
    assert_eq!((refused.status, &refused.json["code"]), (503, &json!("stopping")), "{refused:?}");
    relay.extractor.open_gate();
    waiting.await.unwrap();
    running.stop().await;
    assert_eq!(relay.store.documents_count(), 2);
}
