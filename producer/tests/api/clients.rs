use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use linkrelay_common::RequestId;
use linkrelay_producer::{ApiSettings, ProducerSettings};
use linkrelay_store::LinkStore as _;
use linkrelay_store::contract::sample::failed;
use linkrelay_store::testing::Method;
use reqwest::RequestBuilder;
use serde_json::json;

use crate::helpers::fake_publish::{Do, FakePublish};
use crate::helpers::stub_extractor::{Reply, StubExtractor};
use crate::helpers::{LINK, NO_BROKER, TestAnswer, TestApp, answer, settings, until};

/// Settings whose limits count for clients on this machine.
fn limited(change: impl FnOnce(&mut ApiSettings)) -> ProducerSettings {
    let mut settings = settings(NO_BROKER);
    settings.api.clients.connections.limit_loopback_clients = true;
    settings.api.request_timeout = Duration::from_secs(15);
    change(&mut settings.api);
    settings
}

/// The same request from another address.
fn from_elsewhere(app: &TestApp, method: &str, path: &str) -> RequestBuilder {
    let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    let client = reqwest::Client::builder().no_proxy().local_address(address).build().unwrap();
    client.request(method.parse().unwrap(), format!("http://{}{path}", app.addr))
}

#[tokio::test]
async fn one_client_has_half_of_the_requests_in_flight() {
    let publish = FakePublish::new(|_| Do::Hold);
    let settings = limited(|api| api.intake.max_concurrent_requests = 4);
    let app = TestApp::start(settings, publish.clone()).await;
    let body = json!({"links": LINK});
    let held = async { tokio::join!(app.submit(&body), app.submit(&body)) };
    let others = async {
        until("both requests are in flight", async || publish.sent().len() == 2).await;
        let refused = app.submit(&body).await;
        refused.assert_problem(429, "client_in_flight");
        assert_eq!(refused.retry_after.as_deref(), Some("1"));
        answer(from_elsewhere(&app, "GET", "/links/x")).await.assert_problem(400, "bad_request_id");
        assert_eq!(app.get("/health/live").await.status, 200);
        publish.release();
    };
    let ((first, second), ()) = tokio::join!(held, others);
    assert_eq!((first.status, second.status), (201, 201));
    app.get("/links/x").await.assert_problem(400, "bad_request_id");
    app.stop().await;
}

#[tokio::test]
async fn one_client_has_half_of_the_waiting_requests() {
    let extractor = StubExtractor::start(Reply::Hang).await;
    let settings = limited(|api| {
        api.extractor_url = Some(extractor.url().parse().unwrap());
        api.max_waiting_requests = 2;
        api.wait_timeout = Duration::from_secs(3);
    });
    let app = TestApp::start(settings, FakePublish::new(|_| Do::Panic)).await;
    let (path, body) = ("/links/send-message-http", json!({"links": LINK}));
    let first = answer(app.request("POST", path).json(&body));
    let others = async {
        until("the first one waits", async || extractor.in_flight() == 1).await;
        let refused = answer(app.request("POST", path).json(&body)).await;
        refused.assert_problem(429, "client_waiting");
        assert_eq!(refused.retry_after.as_deref(), Some("1"));
        answer(from_elsewhere(&app, "POST", path).json(&body)).await
    };
    let (first, other) = tokio::join!(first, others);
    // Both have waited for as long as a request may.
    first.assert_problem(504, "wait_timeout");
    other.assert_problem(504, "wait_timeout");
    app.stop().await;
}

#[tokio::test]
async fn one_client_has_half_of_the_streams_and_exports() {
    let settings = limited(|api| (api.max_event_streams, api.max_exports) = (2, 2));
    let app = TestApp::start(settings, FakePublish::new(|_| Do::Ack)).await;
    let path = format!("/links/{}/events", RequestId::new(1));
    let stream = app.request("GET", &path).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    app.get(&path).await.assert_problem(429, "client_streams");
    let other = from_elsewhere(&app, "GET", &path).send().await.unwrap();
    assert_eq!(other.status(), 200);
    drop(stream);
    let open = async || app.request("GET", &path).send().await.unwrap().status() == 200;
    until("a closed stream makes room", open).await;
    app.store.hang(Method::Videos);
    let begin = || app.request("GET", "/export").send();
    let (first, ()) = tokio::join!(begin(), async {
        until("the first export is open", async || app.store.counts(Method::Videos).calls == 1)
            .await;
        app.get("/export").await.assert_problem(429, "client_exports");
    });
    assert_eq!(first.unwrap().status(), 503);
    app.stop().await;
}

/// A client cannot use the headers of a proxy on the same machine to count as that machine.
#[tokio::test]
async fn what_comes_through_a_local_proxy_is_limited() {
    let mut settings = settings(NO_BROKER);
    settings.api.clients.connections.trusted_proxies = "127.0.0.1".parse().unwrap();
    settings.api.clients.client_requests_per_second = 1;
    settings.api.clients.client_requests_burst = 2;
    let app = TestApp::start(settings, FakePublish::new(|_| Do::Ack)).await;
    for (x_forwarded_for, forwarded) in [
        ("198.51.100.1", None),
        ("198.51.100.2, 127.0.0.1", None),
        ("198.51.100.3", Some("for=127.0.0.1")),
        ("127.0.0.1", None),
        ("::1", None),
    ] {
        let mut statuses = Vec::new();
        for _ in 0..20 {
            let request = app.request("GET", "/links/x").header("x-forwarded-for", x_forwarded_for);
            let request = match forwarded {
                Some(forwarded) => request.header("forwarded", forwarded),
                None => request,
            };
            statuses.push(answer(request).await.status);
        }
        assert!(statuses.contains(&429), "{x_forwarded_for} {forwarded:?}: {statuses:?}");
    }
    assert_eq!(answer(from_elsewhere(&app, "GET", "/links/x")).await.status, 400);
    app.stop().await;
}

#[tokio::test]
async fn links_are_counted_when_the_body_is_read_and_so_are_retries() {
    let settings = limited(|api| {
        api.intake.max_links_per_request = 4;
        (api.clients.client_links_per_second, api.clients.client_links_burst) = (1, 4);
    });
    let app = TestApp::start(settings, FakePublish::new(|_| Do::Ack)).await;
    // A body that is refused for another reason counts nothing.
    app.submit(&json!({"links": []})).await.assert_problem(422, "no_links");
    app.submit(&json!({"links": [LINK, LINK, LINK, LINK, LINK]}))
        .await
        .assert_problem(422, "too_many_links");
    assert_eq!(app.submit(&json!({"links": [LINK, LINK, LINK]})).await.status, 201);
    let refused = app.submit(&json!({"links": [LINK, LINK, LINK, LINK]})).await;
    refused.assert_problem(429, "client_links");
    assert!(refused.retry_after.is_some());
    let id = RequestId::new(4);
    app.store.write_batch(&[0, 1, 2, 3].map(|index| failed(id, index))).await.unwrap();
    let retry = app.request("POST", &format!("/links/{id}/retry")).json(&json!({}));
    answer(retry).await.assert_problem(429, "client_links");
    let elsewhere = from_elsewhere(&app, "POST", "/links/send-message-kafka");
    assert_eq!(answer(elsewhere.json(&json!({"links": [LINK]}))).await.status, 201);
    app.stop().await;
}

#[tokio::test]
async fn a_server_is_asked_for_by_its_own_names() {
    let own = TestApp::with_acks().await;
    let named = limited(|api| {
        api.intake.allowed_hosts = "links.example.org,*.example.net".parse().unwrap()
    });
    let named = TestApp::start(named, FakePublish::new(|_| Do::Ack)).await;
    for (host, of_own, of_named) in [
        ("localhost:3000", 400, 400),
        ("links.example.org", 421, 400),
        ("a.example.net:8080", 421, 400),
        ("evil.test", 421, 421),
    ] {
        for (app, status) in [(&own, of_own), (&named, of_named)] {
            let answered = answer(app.request("GET", "/links/x").header("host", host)).await;
            let code = if status == 421 { "unknown_host" } else { "bad_request_id" };
            answered.assert_problem(status, code);
            let probe = app.request("GET", "/health/live").header("host", host);
            assert_eq!(answer(probe).await.status, 200, "{host}");
        }
    }
    own.stop().await;
    named.stop().await;
}

#[tokio::test]
async fn unknown_addresses_and_methods_count_for_their_client() {
    for (method, path, status, code) in [
        ("GET", "/nowhere", 404, "not_found"),
        ("PATCH", "/links/x", 405, "method_not_allowed"),
        ("GET", "/links/send-message-kafka", 405, "method_not_allowed"),
        ("PUT", "/links/x/events", 405, "method_not_allowed"),
    ] {
        let settings = limited(|api| {
            api.clients.client_requests_per_second = 1;
            api.clients.client_requests_burst = 2;
        });
        let app = TestApp::start(settings, FakePublish::new(|_| Do::Ack)).await;
        let ask = async || answer(app.request(method, path)).await;
        for _ in 0..2 {
            ask().await.assert_problem(status, code);
        }
        // A second may pass between two requests, and a request comes back with it.
        let refused = until_refused(&ask).await;
        refused.assert_problem(429, "client_requests");
        answer(from_elsewhere(&app, method, path)).await.assert_problem(status, code);
        for _ in 0..3 {
            answer(app.request("PUT", "/health/live"))
                .await
                .assert_problem(405, "method_not_allowed");
        }
        app.stop().await;
    }
}

/// Asks until the client has no request left; a slow machine gives some back meanwhile.
pub(crate) async fn until_refused(ask: &impl AsyncFn() -> TestAnswer) -> TestAnswer {
    for _ in 0..50 {
        let answered = ask().await;
        if answered.status == 429 {
            return answered;
        }
    }
    panic!("a client without requests left is answered");
}

#[tokio::test]
async fn a_preflight_needs_nothing_else() {
    let settings = limited(|api| {
        api.cors_origins = "https://app.example.org".parse().unwrap();
        api.clients.client_requests_per_second = 1;
        api.clients.client_requests_burst = 1;
    });
    let app = TestApp::start(settings, FakePublish::new(|_| Do::Ack)).await;
    let origin = "https://app.example.org";
    for _ in 0..3 {
        let preflight = app
            .request("OPTIONS", "/links/send-message-kafka")
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        let response = preflight.send().await.unwrap();
        assert!(response.status().is_success(), "{response:?}");
        assert_eq!(response.headers()["access-control-allow-origin"], origin);
    }
    app.get("/links/x").await.assert_problem(400, "bad_request_id");
    // A page can read why it is refused, and for how long.
    let refused = app.request("GET", "/links/x").header("origin", origin).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["access-control-allow-origin"], origin);
    let exposed = refused.headers()["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.contains("retry-after") && exposed.contains("ratelimit"), "{exposed}");
    app.stop().await;
}

#[tokio::test]
async fn what_comes_through_a_proxy_of_this_machine_has_limits() {
    let mut settings = settings(NO_BROKER);
    settings.api.clients.client_requests_per_second = 1;
    settings.api.clients.client_requests_burst = 1;
    let app = TestApp::start(settings, FakePublish::new(|_| Do::Hold)).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = || client.get(format!("http://{}/links/x", app.addr));
    for header in [("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=192.0.2.1")] {
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.push(answer(get().header(header.0, header.1)).await.status);
        }
        assert!(answers.contains(&429), "{header:?}: {answers:?}");
    }
    // Without a proxy, a client on this machine has none.
    for _ in 0..3 {
        answer(get()).await.assert_problem(400, "bad_request_id");
    }
    app.stop().await;
}
