//! `deploy/nginx.conf`, which docs/OPERATIONS.md tells operators to use, with Debian's nginx.

/// nginx, and its clients.
mod server;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use linkrelay_fake_youtube::Failure;
use linkrelay_testkit::wait::{LONG, ok_if};
use reqwest::{Client, Response, StatusCode, Version};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::helpers::{link, links, until, until_is, video_id};
use crate::role::{Role, up};
use crate::site::youtube;
use server::{HOST, Nginx, file};

/// The embedded mode with the settings that it needs behind nginx; each test is its only client.
fn behind_nginx(data: &Path, arguments: &[&str], env: &[(&str, String)]) -> Role {
    let of_proxy = [("ALLOWED_HOSTS", HOST), ("TRUSTED_PROXIES", "127.0.0.1,::1")];
    let of_proxy = of_proxy.map(|(name, value)| (name, value.to_owned()));
    up(data, arguments, &[env, &of_proxy].concat())
}

/// What a stream has sent until it contains `words`.
async fn read_until(response: &mut Response, words: &str) -> String {
    let mut text = String::new();
    while !text.contains(words) {
        let chunk = timeout(LONG, response.chunk()).await;
        let chunk = chunk.unwrap_or_else(|_| panic!("no {words} in {text}")).unwrap();
        let chunk = chunk.unwrap_or_else(|| panic!("ended without {words}: {text}"));
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn events_pass_nginx_while_their_request_is_pending() {
    let data = tempfile::tempdir().unwrap();
    let (fake, env) = youtube(Duration::ZERO).await;
    fake.set_failure(&video_id(1), Some(Failure::Hang));
    let relay = behind_nginx(data.path(), &[], &env).ready().await;
    let nginx = Nginx::in_front_of(relay.addr()).await;
    let client = nginx.client();
    let posted = client
        .post(nginx.url("/links/send-message-kafka"))
        .json(&json!({ "links": links(0..2) }))
        .send()
        .await
        .unwrap();
    assert_eq!((posted.status(), posted.version()), (StatusCode::CREATED, Version::HTTP_2));
    let posted: Value = posted.json().await.unwrap();
    let url = nginx.url(&format!("/links/{}/events", posted["id"].as_str().unwrap()));
    let mut stream = client.get(url).send().await.unwrap();
    let text = read_until(&mut stream, "event: link").await;
    // The other link is not answered until now, so nginx did not wait for the end.
    assert!(!text.contains("event: done"), "{text}");
    fake.set_failure(&video_id(1), None);
    read_until(&mut stream, "event: done").await;
    drop(stream);
    nginx.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_pass_nginx_up_to_linkrelay_s_limit_and_are_refused_clearly_above() {
    let data = tempfile::tempdir().unwrap();
    let relay = behind_nginx(data.path(), &["--demo"], &[]).ready().await;
    let nginx = Nginx::in_front_of(relay.addr()).await;
    let client = nginx.client();
    // Spaces fill a body up to its size.
    let body = |bytes: usize| {
        let text = json!({ "links": link(0) }).to_string();
        let fill = " ".repeat(bytes - text.len());
        text + &fill
    };
    for (bytes, status, said) in [
        (1_048_576, 201, "\"accepted\":1"),
        (1_048_577, 413, "1048576"),
        (2 * 1_048_576, 413, "1048576"),
        (2 * 1_048_576 + 1, 413, "client_max_body_size"),
        (8 * 1_048_576, 413, "client_max_body_size"),
    ] {
        let url = nginx.url("/links/send-message-kafka");
        let request = client.post(url).header("content-type", "application/json");
        let answer = request.body(body(bytes)).send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        let answered = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(answered, status, "{bytes}: {text}");
        assert!(text.contains(said), "{bytes}: {text}");
        if status == 413 {
            let problem: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(kind, "application/problem+json", "{bytes}");
            assert_eq!(
                (&problem["code"], &problem["status"]),
                (&json!("body_too_large"), &json!(413))
            );
        }
    }
    // A thousand links, and an export of them, which nginx passes on whole.
    let many = json!({ "links": links(0..1_000) });
    let posted = client.post(nginx.url("/links/send-message-kafka")).json(&many).send().await;
    let posted: Value = posted.unwrap().json().await.unwrap();
    assert_eq!(posted["accepted"], 1_000, "{posted}");
    until("an export of every video", async || {
        let export = client.get(nginx.url("/export?format=ndjson")).send().await.unwrap();
        let lines = export.text().await.unwrap().lines().count();
        ok_if(lines >= 1_000, lines)
    })
    .await;
    nginx.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_waiting_path_times_out_in_linkrelay_and_not_in_nginx() {
    let data = tempfile::tempdir().unwrap();
    let (fake, env) = youtube(Duration::ZERO).await;
    fake.set_failure_of_all(Some(Failure::Hang));
    let env = [&env[..], &[("WAIT_TIMEOUT", "2s".to_owned())]].concat();
    let relay = behind_nginx(data.path(), &[], &env).ready().await;
    let nginx = Nginx::in_front_of(relay.addr()).await;
    let request = nginx.client().post(nginx.url("/links/send-message-http"));
    let answer = request.json(&json!({ "links": link(0) })).send().await.unwrap();
    assert_eq!(answer.status(), 504);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "wait_timeout", "{problem}");
    nginx.stop().await;
    relay.stop().await;
    for directive in ["proxy_read_timeout", "proxy_send_timeout"] {
        let waits = seconds(&file(), directive);
        assert!(waits > 30.0, "{directive} must be above WAIT_TIMEOUT and the 15 s of a stream");
    }
    // Otherwise nginx would send into a connection that linkrelay has closed.
    assert!(seconds(&file(), "    keepalive_timeout") < 75.0);
}

fn seconds(file: &str, directive: &str) -> f64 {
    let (_, rest) = file.split_once(&format!("{directive} ")).unwrap();
    let value = rest.split(';').next().unwrap();
    humantime::parse_duration(value).unwrap().as_secs_f64()
}

/// Takes one request, answers it, and returns its headers.
async fn headers_of_one_request(listener: TcpListener) -> BTreeMap<String, String> {
    let (mut connection, _) = listener.accept().await.unwrap();
    let (reader, mut writer) = connection.split();
    let mut lines = BufReader::new(reader).lines();
    let mut headers = BTreeMap::new();
    while let Some(line) = lines.next_line().await.unwrap().filter(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(": ") {
            headers.insert(name.to_lowercase(), value.to_owned());
        }
    }
    writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    headers
}

#[tokio::test(flavor = "multi_thread")]
async fn linkrelay_learns_from_nginx_where_a_request_comes_from() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nginx = Nginx::in_front_of(listener.local_addr().unwrap()).await;
    let upstream = tokio::spawn(headers_of_one_request(listener));
    let request = nginx.client().get(nginx.url("/stats"));
    // A client's own word about itself.
    let request =
        request.header("X-Forwarded-For", "192.0.2.1").header("Forwarded", "for=192.0.2.2");
    let request = request.header("X-Forwarded-Host", "evil.test");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let headers = upstream.await.unwrap();
    assert_eq!(headers["x-forwarded-for"], "192.0.2.1, 127.0.0.1", "{headers:?}");
    assert_eq!(headers["x-forwarded-proto"], "https");
    // With the port, which is a part of the origin.
    assert_eq!(headers["host"], format!("{HOST}:{}", nginx.https.port()));
    for own_word in ["forwarded", "x-forwarded-host"] {
        assert!(!headers.contains_key(own_word), "{headers:?}");
    }
    nginx.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_behind_nginx_has_its_own_limits_no_matter_what_it_says_of_itself() {
    let data = tempfile::tempdir().unwrap();
    let limits = [("CLIENT_REQUESTS_PER_SECOND", "1"), ("CLIENT_REQUESTS_BURST", "5")];
    let limits = limits.map(|(name, value)| (name, value.to_owned()));
    let relay = behind_nginx(data.path(), &["--demo"], &limits).ready().await;
    let nginx = Nginx::in_front_of(relay.addr()).await;
    // The proxy itself is 127.0.0.1.
    let at = |last| nginx.builder().local_address(IpAddr::from([127, 0, 0, last])).build().unwrap();
    let (client, other) = (at(2), at(3));
    let (begin, mut served) = (Instant::now(), 0);
    for number in 0..20_u8 {
        let invented =
            if number % 2 == 0 { vec![0xE9] } else { format!("192.0.2.{number}").into() };
        let request = client.get(nginx.url("/requests")).header("X-Forwarded-For", invented);
        served += usize::from(request.send().await.unwrap().status() == 200);
    }
    // The burst, and one more a second; as two clients it would have two bursts.
    let may_be_served = 5 + begin.elapsed().as_secs() + 1;
    assert!(served as u64 <= may_be_served, "{served} of 20, {may_be_served} may be served");
    assert_eq!(other.get(nginx.url("/requests")).send().await.unwrap().status(), 200);
    nginx.stop().await;
    relay.stop().await;
}

/// Answers every request but exports, which it holds; counts those in `held`.
async fn hold_exports(listener: TcpListener, held: Arc<AtomicUsize>) {
    loop {
        let (mut connection, _) = listener.accept().await.unwrap();
        let held = Arc::clone(&held);
        tokio::spawn(async move {
            let mut request = vec![0; 4_096];
            let length = connection.read(&mut request).await.unwrap_or_default();
            if request[..length].starts_with(b"GET /export ") {
                held.fetch_add(1, Ordering::SeqCst);
                // Until nginx gives the connection up, and sends nothing before.
                let rest = connection.read(&mut request).await.unwrap_or_default();
                assert_eq!(rest, 0);
            } else {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                connection.write_all(answer).await.ok();
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_cannot_take_all_connections_of_nginx() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nginx = Nginx::in_front_of(listener.local_addr().unwrap()).await;
    let held = Arc::new(AtomicUsize::new(0));
    let upstream = tokio::spawn(hold_exports(listener, Arc::clone(&held)));
    let mut idle = TcpStream::connect(nginx.https).await.unwrap();
    let at = |last| {
        let address = IpAddr::from([127, 0, 0, last]);
        nginx.builder().local_address(address).http1_only().build().unwrap()
    };
    let (client, other) = (at(2), at(3));
    let status = async |client: &Client| {
        client.get(nginx.url("/stats")).send().await.unwrap().status().as_u16()
    };
    let file = file();
    let (_, limit) = file.split_once("limit_conn linkrelay_clients ").unwrap();
    let limit: usize = limit.split(';').next().unwrap().parse().unwrap();
    let mut exports = JoinSet::new();
    for _ in 0..limit {
        exports.spawn(client.get(nginx.url("/export")).send());
    }
    until_is("every export to be under way", limit, async || held.load(Ordering::SeqCst)).await;
    let refused = client.get(nginx.url("/stats")).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert_eq!(refused.headers()["retry-after"], "1");
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["code"], "client_connections", "{problem}");
    assert_eq!(status(&other).await, 200);
    exports.shutdown().await;
    until_is("the client to be served again", 200, async || status(&client).await).await;
    // A connection on which nothing comes is not counted, and does not stay.
    let closed = timeout(LONG, idle.read(&mut [0; 64])).await;
    assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");
    upstream.abort();
    nginx.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tls_nginx_redirects_and_metrics_stay_inside() {
    let data = tempfile::tempdir().unwrap();
    let relay = behind_nginx(data.path(), &["--demo"], &[]).ready().await;
    let nginx = Nginx::in_front_of(relay.addr()).await;
    let plain = nginx.builder().resolve(HOST, nginx.http).build().unwrap();
    let url = format!("http://{HOST}:{}/links/x?y=z", nginx.http.port());
    let answer = plain.post(url).send().await.unwrap();
    assert_eq!(answer.status(), 308);
    assert_eq!(answer.headers()["location"], format!("https://{HOST}/links/x?y=z").as_str());
    let metrics = nginx.client().get(nginx.url("/metrics")).send().await.unwrap();
    assert_eq!((metrics.status(), relay.get("/metrics").await.0), (StatusCode::NOT_FOUND, 200));
    let ready = nginx.client().get(nginx.url("/health/ready")).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    nginx.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_behind_nginx_has_a_secure_session_of_its_own_origin() {
    let data = tempfile::tempdir().unwrap();
    let keys = [("LINKRELAY_API_KEYS", "a-key-of-a-first-try".to_owned())];
    let relay = behind_nginx(data.path(), &["--demo"], &keys).ready().await;
    let nginx = Nginx::in_front_of(relay.addr()).await;
    let client = nginx.client();
    let sign_in = |origin: &str| {
        let request = client.post(nginx.url("/session")).header("origin", origin);
        request.json(&json!({ "key": "a-key-of-a-first-try" })).send()
    };
    let own = nginx.url("");
    assert_eq!(sign_in("https://links.example.org").await.unwrap().status(), 403, "another port");
    let signed_in = sign_in(&own).await.unwrap();
    assert_eq!(signed_in.status(), 200);
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-linkrelay_session="), "{cookie}");
    assert!(cookie.split("; ").any(|part| part == "Secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let post = |origin: &str| {
        let request = client.post(nginx.url("/links/send-message-kafka"));
        let request = request.header("cookie", cookie).header("origin", origin);
        request.json(&json!({ "links": link(0) })).send()
    };
    assert_eq!(post(&own).await.unwrap().status(), 201);
    assert_eq!(post("https://evil.test").await.unwrap().status(), 403);
    nginx.stop().await;
    relay.stop().await;
}
