use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::post;
use linkrelay_testkit::process::{Process, ProcessBuilder};
use linkrelay_testkit::wait::{LONG, ok_if};
use serde_json::json;
use tokio::net::TcpListener;

use crate::helpers::{Said, binary, link, run, said, until};
use crate::role::{Role, up};
use crate::site::{count, youtube};

const LINKS: usize = 6_000;
const LINKS_PER_REQUEST: usize = 500;

/// `linkrelay submit` to a server, with the links of a file and a file of progress.
struct Submit<'a> {
    server: &'a Role,
    links: &'a Path,
    progress: &'a Path,
}

impl Submit<'_> {
    fn arguments(&self) -> [String; 7] {
        let text = |path: &Path| path.display().to_string();
        let (links, progress, server) = (text(self.links), text(self.progress), self.server.url());
        ["submit", "--file", &links, "--resume", &progress, "--server", &server].map(String::from)
    }

    fn run(&self, more: &[&str]) -> Said {
        run(Command::new(binary("linkrelay")).args(self.arguments()).args(more))
    }

    fn start(&self) -> Process {
        ProcessBuilder::new("submit", binary("linkrelay")).args(self.arguments()).spawn().unwrap()
    }

    /// How many entries of the file of progress are in this state.
    fn count(&self, state: &str) -> usize {
        let text = fs::read_to_string(self.progress).unwrap_or_default();
        text.matches(&format!("\"state\":\"{state}\"")).count()
    }
}

fn write_links(path: &Path, count: usize) {
    fs::write(path, (0..count).map(|number| link(number) + "\n").collect::<String>()).unwrap();
}

fn ids(said: &Said) -> Vec<String> {
    said.stdout.lines().map(str::to_owned).collect()
}

/// The kill comes while requests are in flight whose answers are never received: the server is
/// paused, gets them after the kill, and accepts them.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_submission_continues_and_neither_loses_nor_doubles_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (_fake, youtube) = youtube(Duration::ZERO).await;
    let mut relay = up(&folder.path().join("data"), &[], &youtube).ready().await;
    let (links, progress) = (folder.path().join("links"), folder.path().join("progress"));
    write_links(&links, LINKS);
    for kill_after in [1, 5] {
        let submit = Submit { server: &relay, links: &links, progress: &progress };
        let mut process = submit.start();
        until("acknowledgements", async || {
            let acknowledged = submit.count("acknowledged");
            ok_if(acknowledged >= kill_after, acknowledged)
        })
        .await;
        relay.process_mut().unwrap().pause().unwrap();
        let submit = Submit { server: &relay, links: &links, progress: &progress };
        until("requests without an answer", async || {
            let (sent, acknowledged) = (submit.count("sent"), submit.count("acknowledged"));
            ok_if(sent > acknowledged, format!("{sent} sent, {acknowledged} acknowledged"))
        })
        .await;
        process.kill().unwrap();
        relay.process_mut().unwrap().resume().unwrap();
    }
    let submit = Submit { server: &relay, links: &links, progress: &progress };
    let resumed = submit.run(&["--wait"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.all());
    assert!(resumed.stderr.contains("continuing: "), "{}", resumed.stderr);
    assert!(resumed.stderr.contains(&format!("stored {LINKS}, failed 0")), "{}", resumed.stderr);
    assert_eq!(ids(&resumed).len(), LINKS / LINKS_PER_REQUEST);
    // Those of a request that was accepted under two names would be more.
    assert_eq!(count(&folder.path().join("data"), "document"), LINKS as i64);
    let again = submit.run(&[]);
    assert_eq!((again.code, ids(&again)), (Some(0), ids(&resumed)));
    assert!(again.stderr.contains("submitted before"), "{}", again.stderr);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_the_same_continues_and_what_is_wrong_is_not_begun() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (_fake, youtube) = youtube(Duration::ZERO).await;
    let relay = up(&data, &[], &youtube).ready().await;
    let (links, progress) = (folder.path().join("links"), folder.path().join("progress"));
    let submit = Submit { server: &relay, links: &links, progress: &progress };
    // The last line is wrong, and nothing of the file is submitted.
    write_links(&links, 600);
    let wrong = [fs::read(&links).unwrap(), b"\xe9\n".to_vec()].concat();
    fs::write(&links, wrong).unwrap();
    let refused = submit.run(&[]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert!(refused.stderr.contains("line 601"), "{}", refused.stderr);
    // A link that names no video is an answer, also of the run that continues.
    write_links(&links, 600);
    let rejected = format!("https://example.com/\n{}", fs::read_to_string(&links).unwrap());
    fs::write(&links, rejected).unwrap();
    let first = submit.run(&["--wait"]);
    assert_eq!((first.code, ids(&first).len()), (Some(1), 2), "{}", first.all());
    let again = submit.run(&["--wait"]);
    assert_eq!((again.code, ids(&again)), (Some(1), ids(&first)));
    assert_eq!(count(&data, "document"), 600);
    // Another file is another submission.
    write_links(&links, 601);
    let other = submit.run(&[]);
    assert_eq!((other.code, other.stdout.as_str()), (Some(1), ""));
    assert!(other.stderr.contains("not those that were submitted before"), "{}", other.stderr);
    // A file of something else is left alone.
    let mistaken = Submit { progress: &links, ..submit }.run(&[]);
    assert_eq!(mistaken.code, Some(1));
    assert_eq!(fs::read_to_string(&links).unwrap().lines().count(), 601);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_is_submitted_while_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (_fake, youtube) = youtube(Duration::ZERO).await;
    let relay = up(folder.path(), &[], &youtube).ready().await;
    let out = folder.path().join("ids");
    let mut child = Command::new(binary("linkrelay"))
        .args(["submit", "--wait", "--file", "-", "--server", &relay.url()])
        .stdin(Stdio::piped())
        .stdout(fs::File::create(&out).unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // One link more than a request has, because a batch ends when the next link is known.
    for number in 0..=LINKS_PER_REQUEST {
        writeln!(stdin, "{}", link(number)).unwrap();
    }
    until("the first id, while the input goes on", async || {
        let ids = fs::read_to_string(&out).unwrap();
        ok_if(ids.lines().count() == 1, ids)
    })
    .await;
    drop(stdin);
    let ended = tokio::task::spawn_blocking(|| said(&child.wait_with_output().unwrap()));
    let ended = tokio::time::timeout(LONG, ended).await.unwrap().unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("stored 501, failed 0"), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 2);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_more_than_it_may_continues_more_slowly() {
    let folder = tempfile::tempdir().unwrap();
    let (_fake, youtube) = youtube(Duration::ZERO).await;
    let limits = [
        ("LIMIT_LOOPBACK_CLIENTS", "true"),
        ("CLIENT_LINKS_PER_SECOND", "1000"),
        ("CLIENT_LINKS_BURST", "1000"),
    ];
    let limits = limits.map(|(name, value)| (name, value.to_owned()));
    let env = [&youtube[..], &limits].concat();
    let relay = up(&folder.path().join("data"), &[], &env).ready().await;
    let (links, progress) = (folder.path().join("links"), folder.path().join("progress"));
    write_links(&links, 3_000);
    let submit = Submit { server: &relay, links: &links, progress: &progress };
    let slow = submit.run(&["--wait"]);
    assert_eq!(slow.code, Some(0), "{}", slow.all());
    assert!(slow.stderr.contains("stored 3000, failed 0"), "{}", slow.stderr);
    assert_eq!(slow.stderr.matches("continuing as it allows").count(), 1, "{}", slow.stderr);
    relay.stop().await;
}

/// More often than a submission is tried when a server fails.
const FULL_COUNT: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_full_is_waited_for() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = move || async move {
        if count.fetch_add(1, Ordering::Relaxed) < FULL_COUNT {
            let problem = json!({ "code": "queue_full", "detail": "too many links wait" });
            let full = StatusCode::SERVICE_UNAVAILABLE;
            return (full, [("retry-after", "1")], Json(problem)).into_response();
        }
        let accepted = json!({ "id": "0193a0f0-0000-7000-8000-000000000000-1", "accepted": 1 });
        (StatusCode::CREATED, Json(accepted)).into_response()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = axum::Router::new().route("/links/send-message-kafka", post(answer));
    let serving = tokio::spawn(async move { axum::serve(listener, server).await });
    let submitted =
        run(Command::new(binary("linkrelay")).args(["submit", &link(0), "--server", &url]));
    serving.abort();
    assert_eq!(submitted.code, Some(0), "{}", submitted.all());
    assert_eq!(asked.load(Ordering::Relaxed), FULL_COUNT + 1);
    assert_eq!(submitted.stderr.matches("too many links wait").count(), 1, "{}", submitted.stderr);
}
