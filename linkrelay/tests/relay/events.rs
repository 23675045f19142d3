use std::time::Duration;

use linkrelay_fake_youtube::{Failure, FakeYouTube, FakeYouTubeSettings};
use linkrelay_testkit::wait::LONG;
use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::helpers::{link, links, until, video_id};
use crate::role::{Role, up};

/// A request that no client has sent: all of its links are pending.
const PENDING: &str = "/links/0193e3a4-0000-7000-8000-000000000000-3/events";

/// One event, as a browser reads it.
#[derive(Debug)]
struct Event {
    name: String,
    id: Option<String>,
    data: Value,
}

/// A stream of events, read as a browser does.
struct Stream {
    response: Response,
    text: String,
}

impl Stream {
    async fn open(relay: &Role, path: &str, last_id: Option<&str>) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = http.get(relay.url() + path);
        if let Some(id) = last_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event; `None` when the server has ended the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = parse(event);
                self.text = rest.to_owned();
                if event.is_some() {
                    return event;
                }
            } else {
                let chunk = timeout(LONG, self.response.chunk()).await;
                let chunk = chunk.expect("no event within a minute").unwrap()?;
                self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        }
    }
}

/// `None` for a comment.
fn parse(text: &str) -> Option<Event> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let name = field("event: ")?.to_owned();
    let data = serde_json::from_str(field("data: ").unwrap()).unwrap();
    Some(Event { name, id: field("id: ").map(str::to_owned), data })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_reconnects_gets_each_link_once_and_then_the_end() {
    let data = tempfile::tempdir().unwrap();
    let settings = FakeYouTubeSettings {
        latency_jitter: Duration::from_secs(4),
        ..FakeYouTubeSettings::default()
    };
    let fake = FakeYouTube::start(settings).await.unwrap();
    fake.set_failure(&video_id(7), Some(Failure::Private));
    let youtube = [
        ("YOUTUBE_BASE_URL", fake.base_url()),
        ("YOUTUBE_CA_CERT", fake.ca_cert_path().display().to_string()),
        ("YOUTUBE_API_KEY", "a-key".to_owned()),
    ];
    let relay = up(data.path(), &[], &youtube).ready().await;
    let mut sent = links(0..40);
    // 12 more links, as soon as the list is expanded.
    sent.push("https://www.youtube.com/playlist?list=PLmade-up_12".to_owned());
    let id = relay.post_valid(&json!(sent)).await;
    let path = format!("/links/{id}/events");

    let (mut seen, mut last_id, mut last) = (Vec::new(), None, None);
    // The first connections are cut in the middle.
    for links_count in [1, 9, 15, usize::MAX] {
        let mut stream = Stream::open(&relay, &path, last_id.as_deref()).await;
        let enough = links_count.saturating_add(seen.len());
        while seen.len() < enough {
            let Some(event) = stream.next().await else { break };
            if event.name == "link" {
                last_id = event.id.clone();
                seen.push(event.data.clone());
            }
            last = Some(event);
        }
    }
    let status = relay.status(&format!("{id}?limit=1000")).await;
    let last = last.unwrap();
    assert_eq!((last.name.as_str(), &last.data["total"]), ("done", &json!(53)), "{last:?}");
    for counter in ["stored", "failed", "expanded", "pending"] {
        assert_eq!(last.data[counter], status[counter], "{last:?}");
    }
    seen.sort_by_key(|link| link["index"].as_u64());
    assert_eq!(Value::from(seen), status["links"]);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_bounded_and_end_with_the_process() {
    let data = tempfile::tempdir().unwrap();
    let setting = [("MAX_EVENT_STREAMS", "2".to_owned())];
    let mut relay = up(data.path(), &["--demo"], &setting).ready().await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = Stream::open(&relay, PENDING, None).await;
        assert_eq!(stream.next().await.unwrap().data["pending"], 3);
        streams.push(stream);
    }
    let (status, problem) = relay.get(PENDING).await;
    let problem: Value = serde_json::from_str(&problem).unwrap();
    assert_eq!((status, &problem["code"]), (503, &json!("too_many_streams")));
    let open = "linkrelay_event_streams 2";
    until("the number of streams", async || {
        let text = relay.metrics().await;
        if text.lines().any(|line| line == open) { Ok(()) } else { Err(text) }
    })
    .await;
    // Everything else is served meanwhile.
    let id = relay.post_valid(&json!(link(0))).await;
    relay.until_nothing_is_pending(&id).await;

    let reading = async {
        for mut stream in streams {
            while stream.next().await.is_some() {}
        }
    };
    let (exit, ()) = tokio::join!(relay.process_mut().unwrap().terminate(LONG), reading);
    assert!(exit.unwrap().success(), "{}", relay.log());
    // At the end of the drain time-out, connections are aborted, and the log says so.
    assert!(!relay.log().contains("aborted"), "{}", relay.log());
}
