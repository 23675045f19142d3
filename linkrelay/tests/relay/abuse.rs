use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use linkrelay_testkit::wait::{LONG, ok_if};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::helpers::{link, until};
use crate::role::{Path, Role, stop};
use crate::site::Site;

const FLOOD_DURATION: Duration = Duration::from_secs(20);
const IDLE_CONNECTIONS: usize = 1_000;
/// What a flood may leave allocated: buffers, stacks, and what the allocator keeps.
const FLAT_BYTES: u64 = 48 * 1_024 * 1_024;

/// A site with low limits on both paths, so that a test can send ten times too much.
async fn narrow_site() -> (Site, Role, Role) {
    let site = Site::slow(Duration::from_millis(200)).await;
    let producer = [("MAX_WAITING_REQUESTS", "40"), ("MAX_CONCURRENT_REQUESTS", "60")];
    let consumer = [("POST_LINKS_IN_FLIGHT", "8"), ("POST_LINKS_WAITING", "16")];
    let (producer, consumer) = site.roles_of_both_paths(&producer, &consumer).await;
    (site, producer, consumer)
}

/// How the posts of a flood were answered.
#[derive(Debug, Default)]
struct Answers {
    done: AtomicU64,
    refused: AtomicU64,
    other: AtomicU64,
    links: AtomicU64,
}

/// Lets this number of clients post, each of them again as soon as it has an answer.
async fn flood(producer: &Role, path: Path, clients: usize) -> Answers {
    let (answers, end) = (Answers::default(), Instant::now() + FLOOD_DURATION);
    let client = async |_| {
        while Instant::now() < end {
            let number = answers.links.fetch_add(1, Ordering::Relaxed);
            let number = usize::try_from(number).unwrap();
            let (status, _) = producer.post_to(path, &json!(link(number))).await;
            let counter = match status {
                201 => &answers.done,
                503 => &answers.refused,
                _ => &answers.other,
            };
            counter.fetch_add(1, Ordering::Relaxed);
            if status == 503 {
                // Ten times as often as the answer asks for.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    };
    join_all((0..clients).map(client)).await;
    answers
}

/// The memory of a process.
fn resident_bytes(role: &Role) -> u64 {
    let pid = role.process().unwrap().pid();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kibibytes: u64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kibibytes * 1_024
}

/// Asks for health until the flood is over; returns how often it was answered.
async fn watch_health(role: &Role, is_over: &AtomicBool) -> u64 {
    let mut answered = 0;
    while !is_over.load(Ordering::Relaxed) {
        assert_eq!(role.get("/health/live").await.0, 200);
        assert!(role.get("/metrics").await.1.contains("linkrelay_http_requests_total"));
        answered += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    answered
}

async fn withstands(path: Path) {
    let (site, producer, consumer) = narrow_site().await;
    // Warm, so that what grows afterwards grows with the load.
    let mut warm = 0;
    for number in 0..50 {
        assert_eq!(producer.post_to(path, &json!(link(1_000_000 + number))).await.0, 201);
        warm += 1;
    }
    let before = [resident_bytes(&producer), resident_bytes(&consumer)];
    let is_over = AtomicBool::new(false);
    let (answers, producer_answered, consumer_answered) = tokio::join!(
        async {
            let answers = flood(&producer, path, 400).await;
            is_over.store(true, Ordering::Relaxed);
            answers
        },
        watch_health(&producer, &is_over),
        watch_health(&consumer, &is_over),
    );
    let after = [resident_bytes(&producer), resident_bytes(&consumer)];
    let probes = [producer_answered, consumer_answered];
    // Each probe is asserted where it is made; the number only shows that the flood was watched.
    assert!(probes.iter().all(|answered| *answered >= 3), "{probes:?} probes; {answers:?}");
    let refused = answers.refused.load(Ordering::Relaxed);
    assert_eq!(answers.other.load(Ordering::Relaxed), 0, "{answers:?}");
    assert!(refused > 0 && answers.done.load(Ordering::Relaxed) > 0, "{answers:?}");
    for (before, after) in before.iter().zip(after) {
        assert!(after < before + FLAT_BYTES, "{before} bytes became {after}");
    }
    let quiet = Instant::now();
    until("a request to be answered after the flood", async || {
        let (status, answer) = producer.post_to(path, &json!(link(2_000_000))).await;
        ok_if(status == 201, format!("{status}: {answer}"))
    })
    .await;
    let mebibytes = |bytes: [u64; 2]| bytes.map(|bytes| bytes / 1_024 / 1_024);
    println!(
        "{path:?}: {answers:?}; answered again after {:?}; resident MiB of producer and consumer {:?}, then {:?}",
        quiet.elapsed(),
        mebibytes(before),
        mebibytes(after)
    );
    if path == Path::Kafka {
        site.until_lag_is_zero().await;
    }
    // Every 201 has its document, and no other link has one.
    let done = warm + answers.done.load(Ordering::Relaxed) + 1;
    assert_eq!(site.documents_count().await, done, "{answers:?}");
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_waiting_path_withstands_ten_times_its_capacity() {
    withstands(Path::Waiting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kafka_path_withstands_ten_times_its_capacity() {
    withstands(Path::Kafka).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_connections_block_no_client() {
    let (_site, producer, consumer) = narrow_site().await;
    let mut idle = Vec::new();
    for _ in 0..IDLE_CONNECTIONS {
        idle.push(TcpStream::connect(producer.addr()).await.unwrap());
    }
    for path in [Path::Kafka, Path::Waiting] {
        assert_eq!(producer.post_to(path, &json!(link(1))).await.0, 201);
    }
    assert_eq!(producer.get("/health/live").await.0, 200);
    drop(idle);
    stop([producer, consumer]).await;
}

/// A connection from one of this machine's addresses.
async fn connect_from(last: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, last], 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_of_the_extractor_server_has_its_connections_and_no_more() {
    let site = Site::new().await;
    let limits = [("CLIENT_CONNECTIONS", "4"), ("LIMIT_LOOPBACK_CLIENTS", "true")];
    let consumer = site.ready_consumer(&limits).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(connect_from(2, consumer.addr()).await);
    }
    let mut answer = String::new();
    connect_from(2, consumer.addr()).await.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 429") && answer.contains("client_connections"),
        "{answer}"
    );
    let other = reqwest::Client::builder().local_address(IpAddr::from([127, 0, 0, 3]));
    let posted = other.build().unwrap().post(consumer.url() + "/links");
    let posted = posted.json(&json!({ "links": link(0) })).send().await.unwrap();
    assert_eq!(posted.status(), 201);
    drop(held);
    let again = async || {
        let mut stream = connect_from(2, consumer.addr()).await;
        let request = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let (mut answer, sent) = (String::new(), stream.write_all(request).await);
        let read = stream.read_to_string(&mut answer).await;
        ok_if(answer.starts_with("HTTP/1.1 200"), format!("{sent:?} {read:?} {answer}"))
    };
    until("its connections to be free again", again).await;
    consumer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_send_slowly_if_it_never_stops() {
    let (_site, producer, consumer) = narrow_site().await;
    let body = json!({ "links": link(1) }).to_string();
    for route in ["send-message-kafka", "send-message-http"] {
        let request = format!(
            "POST /links/{route} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(producer.addr()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in request.as_bytes() {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_bodies_are_refused_with_a_reason_and_stored_by_no_path() {
    let (site, producer, consumer) = narrow_site().await;
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let huge = format!(r#"{{"links":"{}"}}"#, "x".repeat(2_000_000));
    // As many links as fit into a body, in one line.
    let many = format!(r#"{{"links":"{}"}}"#, "<a href='http:/ ".repeat(60_000));
    let bodies: Vec<(Vec<u8>, u16, &str)> = vec![
        (b"".to_vec(), 400, "bad_body"),
        (b"null".to_vec(), 400, "bad_body"),
        (b"\xff\xfe{}".to_vec(), 400, "bad_body"),
        (br#"{"links":{"a":1}}"#.to_vec(), 400, "bad_body"),
        (br#"{"links":true}"#.to_vec(), 400, "bad_body"),
        (br#"{"links":[["https://youtu.be/5fR9AHlSDtc"]]}"#.to_vec(), 400, "bad_body"),
        (br#"{"links":1e400}"#.to_vec(), 400, "bad_body"),
        (br#"{"links":"\ud800"}"#.to_vec(), 400, "bad_body"),
        (format!(r#"{{"links":{deep}}}"#).into_bytes(), 400, "bad_body"),
        // A field that the API does not know is skipped, no matter how deep it is.
        (format!(r#"{{"x":{deep},"links":"a"}}"#).into_bytes(), 422, "no_valid_links"),
        (br#"{"links":"\u0000"}"#.to_vec(), 422, "no_valid_links"),
        (br#"{"links":["",""]}"#.to_vec(), 422, "no_valid_links"),
        (huge.into_bytes(), 413, "body_too_large"),
        (many.into_bytes(), 422, "too_many_links"),
    ];
    for route in ["send-message-kafka", "send-message-http"] {
        for url in
            [format!("{}/links/{route}", producer.url()), format!("{}/links", consumer.url())]
        {
            for (body, status, code) in &bodies {
                let request = reqwest::Client::new()
                    .post(&url)
                    .header("content-type", "application/json")
                    .timeout(LONG)
                    .body(body.clone());
                let response = request.send().await.unwrap();
                let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
                assert_eq!(response.status().as_u16(), *status, "{url}: {shown}");
                let problem: Value = response.json().await.unwrap();
                assert_eq!(problem["code"], *code, "{url}: {shown}: {problem}");
            }
        }
    }
    assert_eq!(site.documents_count().await, 0);
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_comes_twice_in_a_request_has_two_documents_and_is_asked_for_once() {
    let (site, producer, consumer) = narrow_site().await;
    for path in [Path::Kafka, Path::Waiting] {
        let hits = site.fake.hits().total;
        let number = if path == Path::Kafka { 1 } else { 2 };
        let (status, answer) = producer.post_to(path, &json!([link(number), link(number)])).await;
        assert_eq!(status, 201, "{answer}");
        let found = producer.until_nothing_is_pending(answer["id"].as_str().unwrap()).await;
        assert_eq!(found["stored"], 2);
        assert_eq!(site.fake.hits().total, hits + 1);
    }
    assert_eq!(site.documents_count().await, 4);
    stop([producer, consumer]).await;
}
