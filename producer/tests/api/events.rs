use std::time::Duration;

use linkrelay_common::RequestId;
use linkrelay_store::LinkStore;
use linkrelay_store::contract::sample::{expanded, failed, stored};
use serde_json::{Value, json};

use crate::helpers::fake_publish::{Do, FakePublish};
use crate::helpers::{LINK, NO_BROKER, TestApp, settings, until};

/// Reads events until the stream ends: their name, id and data.
async fn read(response: reqwest::Response) -> Vec<(String, Option<String>, Value)> {
    let text = response.text().await.unwrap();
    let events = text.split("\n\n").filter(|event| event.contains("event: ")).map(|event| {
        let field =
            |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        let data = serde_json::from_str(&field("data: ").unwrap()).unwrap();
        (field("event: ").unwrap(), field("id: "), data)
    });
    events.collect()
}

#[tokio::test]
async fn a_complete_request_is_sent_as_its_status_shows_it_and_ends() {
    let app = TestApp::with_acks().await;
    let id = RequestId::new(2);
    let documents = [expanded(id, 0, 1), failed(id, 1), stored(id, 2)];
    app.store.write_batch(&documents).await.unwrap();
    let status = app.get(&format!("/links/{id}")).await.json;
    let path = format!("/links/{id}/events");
    let response = app.request("GET", &path).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-cache");
    let events = read(response).await;
    let names: Vec<_> = events.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["link", "link", "link", "done"]);
    let links: Vec<_> = events.iter().take(3).map(|(.., link)| link.clone()).collect();
    assert_eq!(Value::from(links), status["links"]);
    let ids: Vec<_> = events.iter().filter_map(|(_, id, _)| id.as_deref()).collect();
    assert_eq!(ids, ["0", "0-1", "0-2"]);
    let counters = json!({
        "id": id, "total": 3, "stored": 1, "failed": 1, "expanded": 1, "pending": 0
    });
    assert_eq!(events[3].2, counters);

    let again = app.request("GET", &path).header("last-event-id", "0-1").send().await.unwrap();
    let events = read(again).await;
    let rest: Vec<_> = events.iter().map(|(name, id, _)| (name.as_str(), id.as_deref())).collect();
    assert_eq!(rest, [("link", Some("0-2")), ("done", None)]);
    app.stop().await;
}

#[tokio::test]
async fn wrong_ids_are_problems() {
    let app = TestApp::with_acks().await;
    for wrong in ["x", "%ff", "4294967296"] {
        app.get(&format!("/links/{wrong}/events")).await.assert_problem(400, "bad_request_id");
    }
    let path = format!("/links/{}/events", RequestId::new(1));
    for wrong in ["x".to_owned(), "1,0".to_owned(), "9".repeat(5_000)] {
        let request = app.request("GET", &path).header("last-event-id", wrong);
        let refused = crate::helpers::answer(request).await;
        refused.assert_problem(400, "bad_last_event_id");
        let detail = refused.json["detail"].as_str().unwrap();
        assert!(detail.starts_with("Last-Event-ID must "), "{detail}");
    }
    app.stop().await;
}

#[tokio::test]
async fn streams_have_a_limit_of_their_own_and_end_with_the_role() {
    let mut settings = settings(NO_BROKER);
    settings.api.max_event_streams = 2;
    settings.api.intake.max_concurrent_requests = 1;
    settings.api.request_timeout = Duration::from_secs(15);
    let publish = FakePublish::new(|_| Do::Hold);
    let app = TestApp::start(settings, publish.clone()).await;
    let body = json!({"links": LINK});
    let path = format!("/links/{}/events", RequestId::new(1));
    let open = async || app.request("GET", &path).send().await.unwrap();
    // They are opened while no other request is taken.
    let held = app.submit(&body);
    let opening = async {
        until("the request is in flight", async || publish.sent().len() == 1).await;
        app.get("/links/x").await.assert_problem(503, "overloaded");
        let streams = (open().await, open().await);
        publish.release();
        streams
    };
    let (held, (first, second)) = tokio::join!(held, opening);
    assert_eq!(held.status, 201);
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 200));
    let refused = app.get(&path).await;
    refused.assert_problem(503, "too_many_streams");
    assert_eq!(refused.retry_after.as_deref(), Some("5"));
    // They hold no slot of the other limit.
    app.get("/links/x").await.assert_problem(400, "bad_request_id");
    drop(first);
    until("a closed stream makes room", async || open().await.status() == 200).await;
    // Far below the drain time-out, and the stream ends as a whole answer.
    let reading = tokio::spawn(second.text());
    tokio::time::timeout(Duration::from_secs(5), app.stop()).await.unwrap();
    let text = reading.await.unwrap().unwrap();
    assert!(text.starts_with("event: counters\n"), "{text}");
}
