use linkrelay_testkit::site;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};
use serde_json::{Value, json};

use crate::helpers::{binary, links};
use crate::role::{Role, start_up};
use crate::site::count;

/// No file of the process may grow beyond it: less than the documents of two requests need.
const ROOM_BYTES: u64 = 400_000;
const LINKS_PER_REQUEST: usize = 100;

/// Without the signal a write beyond the limit is an error, as on a full disk.
const WITHOUT_SIGXFSZ: &str = r#"trap '' XFSZ; exec "$@""#;

async fn post(relay: &Role, request: usize) -> (u16, Value) {
    let numbers = request * LINKS_PER_REQUEST..(request + 1) * LINKS_PER_REQUEST;
    relay.post(&json!(links(numbers))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_an_answer_to_the_client_and_loses_nothing() {
    let data = tempfile::tempdir().unwrap();
    let program = binary("linkrelay").into_os_string();
    let arguments = ["-c", WITHOUT_SIGXFSZ, "sh"].map(Into::into).into_iter().chain([program]);
    let role = site::Role::new("linkrelay", "/bin/sh")
        .map(|role| role.args(arguments).args(["up", "--demo"]));
    let relay = start_up(role, data.path(), &[]).ready().await;
    relay.process().unwrap().limit_file_sizes(Some(ROOM_BYTES)).unwrap();
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

    relay.process().unwrap().limit_file_sizes(None).unwrap();
    // A role that is not ready gets no requests: it has to find out on its own.
    relay.until_ready().await;
    let (status, answer) = post(&relay, requests.next().unwrap()).await;
    assert_eq!(status, 201, "{answer}");
    accepted.push(answer["id"].as_str().unwrap().to_owned());
    for id in &accepted {
        let status = relay.until_nothing_is_pending(id).await;
        let done = status["stored"].as_u64().unwrap() + status["failed"].as_u64().unwrap();
        assert_eq!(done, LINKS_PER_REQUEST as u64, "{status}");
    }
    assert_eq!(count(data.path(), "document"), (accepted.len() * LINKS_PER_REQUEST) as i64);
    relay.stop().await;
}
