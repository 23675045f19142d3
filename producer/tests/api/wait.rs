use std::time::Duration;

use linkrelay_common::RequestId;
use serde_json::json;

use crate::helpers::fake_publish::{Do, FakePublish};
use crate::helpers::stub_extractor::{Reply, StubExtractor};
use crate::helpers::{LINK, NO_BROKER, TestApp, answer, settings, until};

const PATH: &str = "/links/send-message-http";
const STORED: Reply = Reply::Answer(
    201,
    None,
    r#"{"res":"ok","id":"0193b3f0-7c1e-7cc3-9a52-2f1d5c9e8a10-1","stored":1,"failed":0,"status_url":"/links/0193b3f0-7c1e-7cc3-9a52-2f1d5c9e8a10-1","results":[]}"#,
);
const PARTIAL: Reply = Reply::Answer(
    207,
    None,
    r#"{"res":"partial","id":"0193b3f0-7c1e-7cc3-9a52-2f1d5c9e8a10-1","stored":1,"failed":0,"status_url":"/links/0193b3f0-7c1e-7cc3-9a52-2f1d5c9e8a10-1","results":[]}"#,
);
const THROTTLED: Reply = Reply::Answer(
    503,
    Some("7"),
    r#"{"type":"about:blank","title":"Service Unavailable","status":503,"code":"throttled","detail":"…"}"#,
);
const TIMED_OUT: Reply = Reply::Answer(
    504,
    Some("5"),
    r#"{"type":"about:blank","title":"Gateway Timeout","status":504,"code":"wait_timeout","detail":"…"}"#,
);

async fn app(extractor_url: &str, timeout: Duration, max_waiting: usize) -> TestApp {
    let mut settings = settings(NO_BROKER);
    settings.api.extractor_url = Some(extractor_url.parse().unwrap());
    settings.api.wait_timeout = timeout;
    settings.api.max_waiting_requests = max_waiting;
    settings.drain_timeout = Duration::from_secs(30);
    TestApp::start(settings, FakePublish::new(|_| Do::Panic)).await
}

async fn patient_app(extractor: &StubExtractor) -> TestApp {
    app(&extractor.url(), Duration::from_secs(30), 100).await
}

fn posting(app: &TestApp, path: &str) -> reqwest::RequestBuilder {
    app.request("POST", path).json(&json!({"links": LINK}))
}

#[tokio::test]
async fn the_extractor_server_s_answer_is_returned_unchanged() {
    for (reply, status, retry_after) in [
        (STORED, 201, None),
        (PARTIAL, 207, None),
        (THROTTLED, 503, Some("7")),
        (TIMED_OUT, 504, Some("5")),
    ] {
        let Reply::Answer(_, _, body) = reply.clone() else { unreachable!() };
        let extractor = StubExtractor::start(reply).await;
        let app = patient_app(&extractor).await;
        for path in ["/links/send-message-axios", "/links/send-message-http"] {
            let answered = answer(posting(&app, path)).await;
            assert_eq!((answered.status, answered.retry_after.as_deref()), (status, retry_after));
            let expected: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(answered.json, expected);
            let is_problem = status >= 400;
            assert_eq!(answered.content_type == "application/problem+json", is_problem);
        }
        app.stop().await;
    }
}

#[tokio::test]
async fn a_request_is_forwarded_with_its_key_or_a_new_one() {
    let extractor = StubExtractor::start(STORED).await;
    let app = patient_app(&extractor).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = posting(&app, PATH).header("idempotency-key", "k").header("traceparent", trace);
    assert_eq!(answer(request).await.status, 201);
    assert_eq!(answer(posting(&app, PATH)).await.status, 201);
    assert_eq!(answer(posting(&app, PATH)).await.status, 201);
    let seen = extractor.seen();
    let key = |number: usize| seen[number]["idempotency-key"].to_str().unwrap();
    assert_eq!((key(0), seen[0]["traceparent"].to_str().unwrap()), ("k", trace));
    assert_ne!(key(1), key(2));
    for headers in &seen {
        let timeout: u64 = headers["linkrelay-timeout-ms"].to_str().unwrap().parse().unwrap();
        assert!((1..=29_500).contains(&timeout), "{timeout}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_wrong_request_is_refused_without_being_forwarded() {
    let extractor = StubExtractor::start(STORED).await;
    let app = patient_app(&extractor).await;
    let post = |body| answer(app.request("POST", PATH).json(&body));
    post(json!({"links": []})).await.assert_problem(422, "no_links");
    post(json!({"links": ["hello"]})).await.assert_problem(422, "no_valid_links");
    post(json!({"links": 5})).await.assert_problem(400, "bad_body");
    let text = app.request("POST", PATH).body("links");
    answer(text).await.assert_problem(415, "unsupported_media_type");
    assert!(extractor.seen().is_empty());
    app.stop().await;
}

#[tokio::test]
async fn a_request_is_forwarded_again_after_a_broken_connection() {
    let extractor = StubExtractor::start_after_broken_connections(1, STORED).await;
    let app = patient_app(&extractor).await;
    assert_eq!(answer(posting(&app, "/links/send-message-http")).await.status, 201);
    assert_eq!((extractor.broken_connections_left(), extractor.seen().len()), (0, 1));
    app.stop().await;
    let extractor = StubExtractor::start_after_broken_connections(2, STORED).await;
    let app = patient_app(&extractor).await;
    let refused = answer(posting(&app, "/links/send-message-http")).await;
    refused.assert_problem(503, "extractor_unavailable");
    assert!(extractor.seen().is_empty());
    app.stop().await;
}

#[tokio::test]
async fn an_unreachable_extractor_server_is_503_and_its_address_is_not_shown() {
    let app = app("http://127.0.0.1:1", Duration::from_secs(30), 100).await;
    let refused = answer(posting(&app, "/links/send-message-axios")).await;
    refused.assert_problem(503, "extractor_unavailable");
    assert_eq!(refused.retry_after.as_deref(), Some("5"));
    assert!(!refused.json.to_string().contains("127.0.0.1"), "{refused:?}");
    assert_eq!(refused.json["status_url"], format!("/links/{}", refused.id()));
    app.stop().await;
}

#[tokio::test]
async fn a_client_that_waits_too_long_gets_504_and_a_status_url() {
    let extractor = StubExtractor::start(Reply::Hang).await;
    let app = app(&extractor.url(), Duration::from_secs(1), 100).await;
    let key = ("idempotency-key", "k");
    let answered = answer(posting(&app, "/links/send-message-http").header(key.0, key.1)).await;
    answered.assert_problem(504, "wait_timeout");
    let id = RequestId::from_idempotency_key("k", &[LINK]);
    assert_eq!(answered.id(), id.to_string());
    until("no request is in flight", async || extractor.in_flight() == 0).await;
    app.stop().await;
}

#[tokio::test]
async fn the_number_of_waiting_requests_is_limited() {
    let extractor = StubExtractor::start(Reply::Hang).await;
    let app = app(&extractor.url(), Duration::from_secs(30), 1).await;
    let waiting = tokio::spawn(posting(&app, "/links/send-message-http").send());
    until("one waits", async || extractor.in_flight() == 1).await;
    let refused = answer(posting(&app, "/links/send-message-http")).await;
    refused.assert_problem(503, "overloaded");
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    assert_eq!(app.get("/health/live").await.status, 200);
    // The waiting client disconnects, and so does the producer.
    waiting.abort();
    until("the slot is free again", async || extractor.in_flight() == 0).await;
    app.stop().await;
}

#[tokio::test]
async fn a_server_that_is_not_an_extractor_server_is_502() {
    let extractor = StubExtractor::start(Reply::Answer(404, None, "<html>")).await;
    let app = patient_app(&extractor).await;
    let refused = answer(posting(&app, "/links/send-message-http")).await;
    refused.assert_problem(502, "bad_extractor_answer");
    app.stop().await;
}
