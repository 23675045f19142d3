//! The attacks: what each sends, and what it must be answered.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::join_all;
use linkrelay_testkit::wait::LONG;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::helpers::{link, links};
use crate::role::Role;

/// How often each kind of answer came.
type Answers = BTreeMap<String, usize>;

/// The proxy that the server trusts.
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

pub(super) fn client_at(address: Option<IpAddr>) -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().timeout(LONG).local_address(address);
    builder.build().unwrap()
}

pub(super) fn count(answers: impl IntoIterator<Item = String>) -> Answers {
    let mut counts = Answers::new();
    for answer in answers {
        *counts.entry(answer).or_default() += 1;
    }
    counts
}

/// Names an answer by its status and its code.
async fn kind(response: Response) -> String {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap_or_default();
    match body["code"].as_str() {
        Some(code) => format!("{status} {code}"),
        None => status.to_string(),
    }
}

async fn sent(request: RequestBuilder) -> String {
    match request.send().await {
        Ok(response) => kind(response).await,
        Err(_) => "closed".to_owned(),
    }
}

/// Sends a text, then a byte now and then until the server closes the connection.
pub(super) async fn dripped(role: &Role, text: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(role.addr()).await else { return "closed".to_owned() };
    let _sent = stream.write_all(text.as_bytes()).await;
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let drip = async {
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ended = reader.read_to_end(&mut answer) => {}
        () = drip => {}
        () = tokio::time::sleep(LONG) => return "open".to_owned(),
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let code = answer.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next());
    match (answer.split(' ').nth(1), code) {
        (Some(status), Some(code)) => format!("{status} {code}"),
        (Some(status), None) => status.to_owned(),
        (None, _) => "closed".to_owned(),
    }
}

/// What an attack was answered, and what the attack shows to be wrong.
pub(super) struct Attack {
    pub(super) name: &'static str,
    pub(super) answers: Answers,
    pub(super) wrong: Vec<String>,
}

impl Attack {
    pub(super) fn new(name: &'static str, answers: Answers) -> Self {
        Self { name, answers, wrong: Vec::new() }
    }

    pub(super) fn of(&self, kind: &str) -> usize {
        self.answers.get(kind).copied().unwrap_or_default()
    }

    /// How many were answered 429.
    fn refused(&self) -> usize {
        let refused = self.answers.iter().filter(|(kind, _)| kind.starts_with("429 "));
        refused.map(|(_, count)| count).sum()
    }

    pub(super) fn expect(mut self, what: &str, is_so: impl FnOnce(&Self) -> bool) -> Self {
        if !is_so(&self) {
            self.wrong.push(format!("{}: not {what}: {:?}", self.name, self.answers));
        }
        self
    }
}

pub(super) const HEAD: &str = "POST /links/send-message-kafka HTTP/1.1\r\nhost: localhost\r\n";

pub(super) async fn slow_headers(role: &Role) -> Attack {
    let header = format!("{HEAD}x-slow: ");
    let answers = join_all((0..250).map(|_| dripped(role, &header))).await;
    Attack::new("250 slow headers", count(answers))
        .expect("all closed after HEADER_READ_TIMEOUT", |attack| attack.of("closed") == 250)
}

pub(super) async fn slow_bodies(role: &Role) -> Attack {
    let body = format!("{HEAD}content-type: application/json\r\ncontent-length: 9999\r\n\r\n");
    let answers = join_all((0..250).map(|_| dripped(role, &body))).await;
    // The refused ones may be closed before their answer is read.
    Attack::new("250 slow bodies", count(answers)).expect(
        "half of the slots given, the rest refused",
        |attack| {
            (1..=50).contains(&attack.of("408 body_timeout"))
                && attack.of("429 client_in_flight") > 0
                && attack.refused() + attack.of("closed") >= 200
        },
    )
}

pub(super) async fn connections(role: &Role) -> Attack {
    let header = format!("{HEAD}x-slow: ");
    let mut streams = Vec::new();
    for _ in 0..1_000 {
        if let Ok(mut stream) = TcpStream::connect(role.addr()).await {
            let _sent = stream.write_all(header.as_bytes()).await;
            streams.push(stream);
        }
    }
    let ended = streams.into_iter().map(async |mut stream| {
        let mut answer = Vec::new();
        let begin = Instant::now();
        let _ended = stream.read_to_end(&mut answer).await;
        // Those that were let in are closed by the time-out of their header.
        let is_refused = !answer.is_empty() || begin.elapsed() < Duration::from_millis(500);
        if is_refused { "429 client_connections or closed" } else { "closed after 3 s" }.to_owned()
    });
    Attack::new("1,000 connections", count(join_all(ended).await)).expect(
        "most of them refused",
        |attack| {
            attack.of("429 client_connections or closed") >= 600
                && attack.of("closed after 3 s") <= 300
        },
    )
}

pub(super) async fn oversized(role: &Role) -> Attack {
    let client = client_at(None);
    let url = format!("{}/links/send-message-kafka", role.url());
    let body = format!(r#"{{"links":"{}"}}"#, "x".repeat(2_000_000));
    let post = |_| {
        let request = client.post(&url).header("content-type", "application/json");
        sent(request.body(body.clone()))
    };
    Attack::new("30 bodies of 2 MB", count(join_all((0..30).map(post)).await))
        .expect("all refused", |attack| attack.of("413 body_too_large") == 30)
}

pub(super) async fn too_many_requests(role: &Role) -> Attack {
    let (client, begin) = (client_at(None), Instant::now());
    let flood = (0..800).map(|_| sent(client.get(format!("{}/links/x", role.url()))));
    let answers = count(in_tens(flood).await);
    let most = 200 + 30 * (begin.elapsed().as_secs() as usize + 1);
    Attack::new("800 requests, ten at a time", answers).expect("the rate and its burst", |attack| {
        attack.of("429 client_requests") > 0 && attack.of("400 bad_request_id") <= most
    })
}

pub(super) async fn too_many_links(role: &Role) -> Attack {
    let client = client_at(None);
    let url = format!("{}/links/parse", role.url());
    let body = json!({ "links": links(0..600) });
    let mut answers = Vec::new();
    let mut wrong = Vec::new();
    for _ in 0..4 {
        let response = client.post(&url).json(&body).send().await.unwrap();
        wrong.extend(headers_are_wrong(response.headers(), response.status().as_u16()));
        answers.push(kind(response).await);
    }
    let mut attack = Attack::new("4 requests of 600 links", count(answers))
        .expect("a burst of 1,000 links", |attack| {
            attack.of("200") >= 1 && attack.of("429 client_links") >= 1
        });
    attack.wrong.extend(wrong);
    attack
}

fn headers_are_wrong(headers: &HeaderMap, status: u16) -> Option<String> {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let policy = header("ratelimit-policy").unwrap_or_default();
    let left = header("ratelimit").unwrap_or_default();
    let retry_after = header("retry-after");
    let is_right = policy == "\"requests\";q=200;w=7, \"links\";q=1000;w=5;qu=\"links\""
        && left.starts_with("\"requests\";r=")
        && left.contains(", \"links\";r=")
        && retry_after.is_some() == (status == 429);
    (!is_right).then(|| format!("the headers of {status}: {policy} / {left} / {retry_after:?}"))
}

/// Runs ten at a time.
async fn in_tens<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    futures::stream::iter(all).buffer_unordered(10).collect().await
}

/// Each request names another client in a header that only a trusted proxy may send.
pub(super) async fn spoofed(role: &Role) -> Attack {
    let client = client_at(None);
    let answers = (0..400).map(|number| {
        let name = format!("198.51.{}.{}", number / 256, number % 256);
        let request = client.get(format!("{}/links/x", role.url()));
        sent(match number % 2 {
            0 => request.header("x-forwarded-for", name),
            _ => request.header("forwarded", format!("for={name}")),
        })
    });
    Attack::new("400 spoofed X-Forwarded-For", count(in_tens(answers).await))
        .expect("one client", |attack| attack.of("429 client_requests") > 0)
}

/// Through a trusted proxy, a client sends names of others, and the proxy adds the client's.
pub(super) async fn spoofed_through_a_proxy(role: &Role) -> Attack {
    let proxy = client_at(Some(PROXY));
    let through = async |invented: &str, client: &str| {
        let hops = format!("{invented}, {client}");
        let request = proxy.get(format!("{}/links/x", role.url()));
        sent(request.header("x-forwarded-for", hops)).await
    };
    let through = &through;
    let answers = (0..400)
        .map(async |number| through(&format!("203.0.113.{}", number % 256), "2001:db8::7").await);
    let answers = in_tens(answers).await;
    // The others behind the proxy, and the invented ones, have lost nothing.
    let others = [through("", "2001:db8:1::7").await, through("", "203.0.113.1").await];
    let are_served = others.iter().all(|answer| answer == "400 bad_request_id");
    Attack::new("400 spoofed, through a proxy", count(answers))
        .expect("one client, and no other", |attack| {
            are_served && attack.of("429 client_requests") > 0
        })
}

/// A page whose name leads to this machine.
pub(super) async fn rebinding(role: &Role) -> Attack {
    let client = client_at(None);
    let mut answers = Vec::new();
    for host in
        ["evil.test:3000", "127.0.0.1.evil.test", "localhost.evil.test", "192.0.2.1.evil.test"]
    {
        for path in ["/links/x", "/stats", "/docs/", "/openapi.json", "/metrics"] {
            answers.push(sent(client.get(role.url() + path).header("host", host)).await);
        }
        let post = client.post(role.url() + "/links/send-message-kafka").header("host", host);
        answers.push(sent(post.json(&json!({ "links": link(5_000_000) }))).await);
    }
    // No name can be resolved into an address that a client asks for.
    let own = ["localhost:3000", "127.0.0.1", "[::1]:80", "app.localhost", "192.0.2.1"]
        .map(|host| sent(client.get(role.url() + "/openapi.json").header("host", host)));
    let own = join_all(own).await;
    Attack::new("24 rebound Hosts", count(answers))
        .expect("all refused", |attack| attack.of("421 unknown_host") == 24)
        .expect("served by its own names", |_| own.iter().all(|answer| answer == "200"))
}

/// Pages of two origins ask what they may do; only one of them is allowed.
pub(super) async fn cross_origin(role: &Role) -> Attack {
    let client = client_at(None);
    let url = format!("{}/links/send-message-kafka", role.url());
    let preflight = async |origin: &str| {
        let request = client
            .request(Method::OPTIONS, &url)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,idempotency-key");
        request.send().await.unwrap()
    };
    let read = async |origin: &str| {
        let request = client.get(format!("{}/links/x", role.url())).header("origin", origin);
        request.send().await.unwrap()
    };
    let is_allowed = |response: &Response| {
        let headers = response.headers();
        assert!(!headers.contains_key("access-control-allow-credentials"));
        let vary = headers
            .get_all("vary")
            .iter()
            .any(|value| value.to_str().unwrap().to_ascii_lowercase().contains("origin"));
        let origin = headers.get("access-control-allow-origin");
        if origin.is_some_and(|origin| origin == "https://app.example.org") && vary {
            "allowed".to_owned()
        } else {
            "not allowed".to_owned()
        }
    };
    let mut answers = Vec::new();
    for origin in ["https://evil.test", "null", "https://app.example.org.evil.test"] {
        answers.push(is_allowed(&preflight(origin).await));
        answers.push(is_allowed(&read(origin).await));
    }
    let (own_preflight, own_read) =
        (preflight("https://app.example.org").await, read("https://app.example.org").await);
    let header = |name: &str, response: &Response| {
        let value = response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        value.unwrap_or_default().to_ascii_lowercase()
    };
    let methods = header("access-control-allow-methods", &own_preflight);
    let headers = header("access-control-allow-headers", &own_preflight);
    let exposed = header("access-control-expose-headers", &own_read);
    Attack::new("6 requests of foreign pages", count(answers))
        .expect("all refused", |attack| attack.of("not allowed") == 6)
        .expect("the allowed page served", |_| {
            is_allowed(&own_preflight) == "allowed"
                && is_allowed(&own_read) == "allowed"
                && own_preflight.status().is_success()
                && methods.contains("post")
                && headers.contains("content-type")
                && headers.contains("idempotency-key")
                && ["ratelimit", "retry-after", "location"]
                    .iter()
                    .all(|name| exposed.contains(name))
        })
}
