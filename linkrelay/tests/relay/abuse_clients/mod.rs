//! Attacks of one client, and what another client sees meanwhile.

mod attacks;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use attacks::{
    Attack, HEAD, client_at, connections, count, cross_origin, dripped, oversized, rebinding,
    slow_bodies, slow_headers, spoofed, spoofed_through_a_proxy, too_many_links, too_many_requests,
};
use futures::future::join_all;
use linkrelay_testkit::site;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::helpers::{binary, link};
use crate::role::{Role, start_up, up};

/// The limits are low, so that few connections exceed them. Clients on this machine have
/// the limits of clients on a network.
const LIMITS: [(&str, &str); 11] = [
    ("LIMIT_LOOPBACK_CLIENTS", "true"),
    ("CLIENT_REQUESTS_PER_SECOND", "30"),
    ("CLIENT_REQUESTS_BURST", "200"),
    ("CLIENT_LINKS_PER_SECOND", "200"),
    ("CLIENT_LINKS_BURST", "1000"),
    ("CLIENT_CONNECTIONS", "300"),
    ("MAX_CONCURRENT_REQUESTS", "100"),
    ("HEADER_READ_TIMEOUT", "3s"),
    ("BODY_READ_TIMEOUT", "3s"),
    ("TRUSTED_PROXIES", "127.0.0.3"),
    ("CORS_ORIGINS", "https://app.example.org"),
];

/// A machine with other work on it; on an idle one the 99th percentile is some milliseconds.
const P99_BOUND: Duration = Duration::from_secs(2);
const OTHER_CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// What the other client does at least, however soon an attack is over.
const MIN_REQUESTS: usize = 60;

/// What another client saw during an attack.
#[derive(Debug, Default)]
struct Seen {
    latencies: Vec<Duration>,
    failed: Vec<String>,
}

impl Seen {
    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        sorted[(sorted.len() - 1) * percent / 100]
    }
}

/// Submits links and asks for their status, from another address, until the attack is over.
async fn other_client(role: &Role, first: usize, is_over: &AtomicBool) -> Seen {
    let (client, mut seen) = (client_at(Some(OTHER_CLIENT)), Seen::default());
    let timed = async |request: RequestBuilder, expected: u16, seen: &mut Seen| -> Value {
        let begin = Instant::now();
        let (status, body) = match request.send().await {
            Ok(response) => (response.status().as_u16(), response.text().await.unwrap_or_default()),
            Err(error) => (0, error.to_string()),
        };
        seen.latencies.push(begin.elapsed());
        if status != expected {
            seen.failed.push(format!("{status} {body}"));
        }
        serde_json::from_str(&body).unwrap_or_default()
    };
    let mut number = first;
    while !is_over.load(Ordering::Relaxed) || seen.latencies.len() < MIN_REQUESTS {
        let url = format!("{}/links/send-message-kafka", role.url());
        let submit = client.post(url).json(&json!({ "links": link(number) }));
        let answer = timed(submit, 201, &mut seen).await;
        if let Some(path) = answer["status_url"].as_str() {
            timed(client.get(role.url() + path), 200, &mut seen).await;
        }
        number += 1;
        // Fewer requests than one client may send.
        tokio::time::sleep(Duration::from_millis(80)).await;
    }
    seen
}

/// Lets an attack and another client run at the same time; prints a row of the table.
async fn under(role: &Role, first: usize, attack: impl Future<Output = Attack>) -> Vec<String> {
    let is_over = AtomicBool::new(false);
    let attacking = async {
        let attack = attack.await;
        is_over.store(true, Ordering::Relaxed);
        attack
    };
    let (attack, seen) = tokio::join!(attacking, other_client(role, first, &is_over));
    let answers: Vec<_> =
        attack.answers.iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
    let (p50, p99) = (seen.percentile(50), seen.percentile(99));
    println!(
        "| {} | {} | {} requests, {} failed, p50 {:.1} ms, p99 {:.1} ms |",
        attack.name,
        answers.join(", "),
        seen.latencies.len(),
        seen.failed.len(),
        p50.as_secs_f64() * 1_000.0,
        p99.as_secs_f64() * 1_000.0,
    );
    let mut wrong = attack.wrong;
    if !seen.failed.is_empty() {
        wrong.push(format!("{}: another client: {:?}", attack.name, seen.failed));
    }
    if p99 > P99_BOUND {
        wrong.push(format!("{}: another client waited {p99:?}", attack.name));
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn no_attack_of_one_client_is_felt_by_another() {
    let data = tempfile::tempdir().unwrap();
    let role = up(data.path(), &["--demo"], &LIMITS.map(|(name, value)| (name, value.to_owned())));
    let role = role.ready().await;
    println!("| attack | answers | what another client saw meanwhile |\n|---|---|---|");
    // Each attack begins with what the one before has left, so those that need a burst come first.
    let wrong = [
        under(&role, 0, cross_origin(&role)).await,
        under(&role, 10_000, rebinding(&role)).await,
        under(&role, 20_000, too_many_links(&role)).await,
        under(&role, 30_000, oversized(&role)).await,
        under(&role, 40_000, slow_headers(&role)).await,
        under(&role, 50_000, slow_bodies(&role)).await,
        under(&role, 60_000, connections(&role)).await,
        under(&role, 70_000, too_many_requests(&role)).await,
        under(&role, 80_000, spoofed(&role)).await,
        under(&role, 90_000, spoofed_through_a_proxy(&role)).await,
    ]
    .concat();
    assert!(wrong.is_empty(), "{wrong:#?}\n{}", role.log());
    let metrics = role.metrics().await;
    for limit in ["requests", "links", "connections", "in_flight", "host"] {
        let not_once = format!("linkrelay_http_refused_total{{limit=\"{limit}\"}} 0\n");
        assert!(!metrics.contains(&not_once), "{not_once}");
    }
    role.stop().await;
}

/// With the default settings, where clients of the same machine are hardly limited, and with as
/// many open files as a shell often permits unless it is asked for more.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_slow_connections_leave_the_others_served_by_default() {
    let data = tempfile::tempdir().unwrap();
    let command = format!("ulimit -Sn 700 && exec {} up --demo", binary("linkrelay").display());
    let shell = site::Role::new("linkrelay", "/bin/sh").map(|role| role.args(["-c", &command]));
    let role = start_up(shell, data.path(), &[]).ready().await;
    let header = format!("{HEAD}x-slow: ");
    let wrong = under(&role, 0, async {
        let answers = join_all((0..1_000).map(|_| dripped(&role, &header))).await;
        Attack::new("1,000 slow connections, default settings", count(answers))
            .expect("all closed", |attack| attack.of("closed") == 1_000)
    });
    let wrong = wrong.await;
    assert!(wrong.is_empty(), "{wrong:#?}");
    role.stop().await;
}
