use std::sync::Arc;
use std::time::Duration;

use linkrelay_producer::ApiSettings;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::helpers::fake_publish::{Do, FakePublish};
use crate::helpers::{LINK, NO_BROKER, TestApp, settings, until};

const SHORT: Duration = Duration::from_millis(200);

/// Starts an app with these limits, which waits long enough for held acknowledgements.
async fn app(publish: Arc<FakePublish>, limit: impl FnOnce(&mut ApiSettings)) -> TestApp {
    let mut settings = settings(NO_BROKER);
    settings.api.request_timeout = Duration::from_secs(15);
    limit(&mut settings.api);
    TestApp::start(settings, publish).await
}

/// Sends only `text`, and reads until the server closes the connection.
async fn send_and_stop(app: &TestApp, text: &str) -> String {
    let mut stream = TcpStream::connect(app.addr).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_header_that_does_not_end_closes_the_connection() {
    let app =
        app(FakePublish::new(|_| Do::Ack), |api| api.intake.header_read_timeout = SHORT).await;
    let answer =
        send_and_stop(&app, "POST /links/send-message-kafka HTTP/1.1\r\nhost: localhost\r\n").await;
    assert!(!answer.contains("201"), "{answer}");
    assert_eq!(app.submit(&json!({"links": LINK})).await.status, 201);
    app.stop().await;
}

#[tokio::test]
async fn the_http_library_answers_what_is_not_http_or_too_large() {
    let app = app(FakePublish::new(|_| Do::Ack), |_| {}).await;
    let large =
        format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(1_000_000));
    let long = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(70_000));
    for (text, status) in
        [("garbage\r\n\r\n", "400"), (long.as_str(), "414"), (large.as_str(), "431")]
    {
        let mut stream = TcpStream::connect(app.addr).await.unwrap();
        // The server may close before it has read all.
        let _sent = stream.write_all(text.as_bytes()).await;
        let mut answer = Vec::new();
        let _ended = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "a body: {answer}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_end_is_408() {
    let app = app(FakePublish::new(|_| Do::Ack), |api| api.intake.body_read_timeout = SHORT).await;
    let head = "POST /links/send-message-kafka HTTP/1.1\r\nhost: localhost\r\n\
        content-type: application/json\r\ncontent-length: 100\r\n\r\n{\"links\":";
    let answer = send_and_stop(&app, head).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert!(answer.contains("body_timeout"), "{answer}");
    app.stop().await;
}

#[tokio::test]
async fn excess_requests_are_shed_while_health_answers() {
    let publish = FakePublish::new(|_| Do::Hold);
    let app = app(publish.clone(), |api| api.intake.max_concurrent_requests = 2).await;
    let body = json!({"links": LINK});
    let held = async { tokio::join!(app.submit(&body), app.submit(&body)) };
    let overload = async {
        until("both requests are in flight", async || publish.sent().len() == 2).await;
        let shed = app.submit(&body).await;
        shed.assert_problem(503, "overloaded");
        assert_eq!(shed.retry_after.as_deref(), Some("1"));
        app.get("/links/x").await.assert_problem(503, "overloaded");
        assert_eq!(app.get("/health/live").await.status, 200);
        assert_eq!(app.get("/health/ready").await.status, 200);
        publish.release();
    };
    let ((first, second), ()) = tokio::join!(held, overload);
    assert_eq!((first.status, second.status), (201, 201));
    app.get("/links/x").await.assert_problem(400, "bad_request_id");
    app.stop().await;
}

#[tokio::test]
async fn a_client_that_disconnects_releases_its_slot() {
    let publish = FakePublish::new(|n| if n == 0 { Do::Hold } else { Do::Ack });
    let app = app(publish.clone(), |api| api.intake.max_concurrent_requests = 1).await;
    let body = json!({"links": LINK});
    tokio::select! {
        _ = app.submit(&body) => panic!("answered without an acknowledgement"),
        () = until("the request is in flight", async || publish.sent().len() == 1) => {}
    }
    until("its slot is free", async || app.submit(&body).await.status == 201).await;
    app.stop().await;
}
