use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path as Folder;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use linkrelay_testkit::process::ProcessBuilder;
use linkrelay_testkit::wait::{LONG, ok_if};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::helpers::{Said, binary, links, run, until};
use crate::role::{Role, up};
use crate::site::youtube;

const VIDEOS: usize = 40;

/// What a proxy does once a connection has had its bytes.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Cut,
    Stall,
}

/// A proxy in front of a server, which passes on a number of bytes of the answer on each of the
/// first connections, and then does this. Returns its address, and how many connections there were.
async fn proxy(
    to: SocketAddr,
    first_ones: usize,
    bytes: usize,
    then: Then,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let is_first = counted.fetch_add(1, Ordering::SeqCst) < first_ones;
            let limit = if is_first { bytes } else { usize::MAX };
            tokio::spawn(pass(client, to, limit, then));
        }
    });
    (url, count)
}

async fn pass(client: TcpStream, to: SocketAddr, mut limit: usize, then: Then) {
    let server = TcpStream::connect(to).await.unwrap();
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut buffer = [0; 1_000];
    while limit > 0 {
        let most = limit.min(buffer.len());
        let Ok(count @ 1..) = from_server.read(&mut buffer[..most]).await else { return };
        if to_client.write_all(&buffer[..count]).await.is_err() {
            return;
        }
        limit -= count;
    }
    if then == Then::Stall {
        std::future::pending::<()>().await;
    }
}

/// The embedded mode with some stored videos.
async fn relay_with_videos(data: &Folder) -> Role {
    let (_fake, youtube) = youtube(Duration::ZERO).await;
    let relay = up(data, &[], &youtube).ready().await;
    let id = relay.post_valid(&json!(links(0..VIDEOS))).await;
    relay.until_nothing_is_pending(&id).await;
    relay
}

fn addr(relay: &Role) -> SocketAddr {
    relay.url().trim_start_matches("http://").parse().unwrap()
}

fn export(server: &str, arguments: &[&str]) -> Said {
    let mut command = Command::new(binary("linkrelay"));
    run(command.arg("export").args(arguments).env("LINKRELAY_URL", server))
}

/// The rows that the server itself sends.
async fn sent(relay: &Role, format: &str) -> String {
    let (status, text) = relay.get(&format!("/export?format={format}")).await;
    assert_eq!(status, 200, "{text}");
    match text.split_once("{\"end\":true") {
        Some((rows, _)) => rows.to_owned(),
        None => text,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_whose_connection_breaks_goes_on_behind_its_last_row() {
    let data = tempfile::tempdir().unwrap();
    let relay = relay_with_videos(data.path()).await;
    for format in ["ndjson", "csv"] {
        let expected = sent(&relay, format).await;
        // Each of two connections breaks within a row.
        let (url, connections) = proxy(addr(&relay), 2, 600 + expected.len() / 3, Then::Cut).await;
        let file = data.path().join(format!("videos.{format}"));
        let said = export(&url, &["--format", format, "--output", file.to_str().unwrap()]);
        assert_eq!(said.code, Some(0), "{}", said.all());
        assert!(said.stderr.contains(&format!("exported {VIDEOS} rows")), "{}", said.all());
        assert_eq!(connections.load(Ordering::SeqCst), 3, "{}", said.all());
        assert_eq!(fs::read_to_string(&file).unwrap(), expected);
        assert!(!data.path().join(format!("videos.{format}.part")).exists());
        assert_eq!(export(&url, &["--format", format]).stdout, expected);
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_export_prints_the_command_that_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let relay = relay_with_videos(data.path()).await;
    for format in ["ndjson", "csv"] {
        let expected = sent(&relay, format).await;
        let (url, _) = proxy(addr(&relay), 1, 600 + expected.len() / 2, Then::Stall).await;
        let file = data.path().join(format!("stopped.{format}"));
        let part = data.path().join(format!("stopped.{format}.part"));
        let mut process = ProcessBuilder::new("export", binary("linkrelay"))
            .args(["export", "--format", format, "--status", "stored"])
            .args(["--output", file.to_str().unwrap()])
            .env("LINKRELAY_URL", &url)
            .spawn()
            .unwrap();
        // All of the rows that were let through.
        until("rows", async || {
            let bytes = fs::metadata(&part).map_or(0, |part| part.len());
            ok_if(bytes > expected.len() as u64 / 3, bytes)
        })
        .await;
        process.interrupt().unwrap();
        let status = process.wait(LONG).await.unwrap();
        let log = process.stderr().unwrap();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(!file.exists() && part.exists(), "{log}");
        let command = log.lines().last().unwrap();
        let mut words = command.split(' ');
        assert_eq!(words.next(), Some("linkrelay"), "{log}");
        assert!(command.contains(" --status stored --after "), "{log}");
        let said = run(Command::new(binary("linkrelay")).args(words));
        assert_eq!(said.code, Some(0), "{command}: {}", said.all());
        assert_eq!(fs::read_to_string(&file).unwrap(), expected, "{command}");
        // It is complete, so there is nothing to go on with.
        fs::rename(&file, &part).unwrap();
        let said = export(
            &url,
            &["--format", format, "--output", file.to_str().unwrap(), "--after", "999"],
        );
        assert_eq!(said.code, Some(2), "{}", said.all());
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_videos_are_exported_and_counted_as_they_are_stored() {
    let data = tempfile::tempdir().unwrap();
    let relay = relay_with_videos(data.path()).await;
    let rows = sent(&relay, "ndjson").await;
    let mut ids = HashSet::new();
    for line in rows.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let id = row["video_id"].as_str().unwrap().to_owned();
        let (_, video) = relay.get(&format!("/videos/{id}")).await;
        let video: Value = serde_json::from_str(&video).unwrap();
        for field in ["status", "first_seen_at", "video", "source", "error"] {
            assert_eq!(row[field], video[field], "{field} of {id}");
        }
        ids.insert(id);
    }
    assert_eq!(ids.len(), VIDEOS);
    let (status, stats) = relay.get("/stats").await;
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert_eq!((status, &stats["videos"]["stored"]), (200, &json!(VIDEOS)), "{stats}");
    assert_eq!(stats["documents"]["stored"], json!(VIDEOS));
    for (arguments, named) in [
        (&["--format", "xml"][..], "--format"),
        (&["--bom"], "--bom"),
        (&["--status", "gone"], "--status"),
    ] {
        let said = export(&relay.url(), arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.all());
        assert!(said.stderr.contains(named), "{}", said.all());
    }
    let said = export(&relay.url(), &["--length-from", "long"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{}", said.all());
    assert!(said.stderr.contains("length_from: must be a number"), "{}", said.all());
    relay.stop().await;
}
