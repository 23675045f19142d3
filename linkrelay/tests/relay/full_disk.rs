use std::path::Path;

use linkrelay_testkit::process::{ProcessBuilder, workspace_binary};
use linkrelay_testkit::tools::free_port;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};
use serde_json::{Value, json};

use crate::site::{Role, link};

/// No file of the process may grow beyond it: less than the documents of two requests need.
const ROOM_BYTES: u64 = 400_000;
const LINKS_PER_REQUEST: usize = 100;

/// Without the signal a write beyond the limit is an error, as on a full disk.
const WITHOUT_SIGXFSZ: &str = r#"trap '' XFSZ; exec "$@""#;

fn up(data: &Path) -> Role {
    let builder = ProcessBuilder::new("linkrelay", "/bin/sh")
        .args(["-c", WITHOUT_SIGXFSZ, "sh"])
        .arg(workspace_binary("linkrelay").unwrap())
        .args(["up", "--demo"]);
    let env = [
        ("DATA_DIR", data.display().to_string()),
        ("EXTRACTOR_ADDR", format!("127.0.0.1:{}", free_port().unwrap())),
    ];
    Role::start(builder, "HTTP_ADDR", env)
}

async fn post(relay: &Role, request: usize) -> (u16, Value) {
    let numbers = request * LINKS_PER_REQUEST..(request + 1) * LINKS_PER_REQUEST;
    relay.post(&json!(numbers.map(link).collect::<Vec<_>>())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_at_the_door_and_loses_nothing() {
    let data = tempfile::tempdir().unwrap();
    let relay = up(data.path());
    relay.until_ready().await;
    relay.process.limit_file_sizes(Some(ROOM_BYTES)).unwrap();
    let mut accepted = Vec::new();
    let mut requests = 0..;
    let refused = wait_for("the disk to be full", LONG, SHORT, async || {
        let (status, answer) = post(&relay, requests.next().unwrap()).await;
        if status != 201 {
            return Ok((status, answer));
        }
        accepted.push(answer["id"].as_str().unwrap().to_owned());
        Err(format!("{} requests were accepted", accepted.len()))
    });
    let (status, answer) = refused.await.unwrap();
    assert_eq!((status, &answer["code"]), (503, &json!("journal_unavailable")), "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("none was taken"), "{answer}");
    relay.until_not_ready("disk").await;

    relay.process.limit_file_sizes(None).unwrap();
    // A role that is not ready gets no requests: it has to find out by itself.
    relay.until_ready().await;
    let (status, answer) = post(&relay, requests.next().unwrap()).await;
    assert_eq!(status, 201, "{answer}");
    accepted.push(answer["id"].as_str().unwrap().to_owned());
    for id in &accepted {
        let status = relay.until_nothing_is_pending(id).await;
        let done = status["stored"].as_u64().unwrap() + status["failed"].as_u64().unwrap();
        assert_eq!(done, LINKS_PER_REQUEST as u64, "{status}");
    }
    let file = rusqlite::Connection::open(data.path().join("linkrelay.sqlite")).unwrap();
    let documents: i64 =
        file.query_row("SELECT count(*) FROM document", [], |row| row.get(0)).unwrap();
    assert_eq!(documents, (accepted.len() * LINKS_PER_REQUEST) as i64);
    relay.stop().await;
}
