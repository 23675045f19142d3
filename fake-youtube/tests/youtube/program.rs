use std::process::Stdio;

use linkrelay_fake_youtube::Hits;
use reqwest::{Certificate, Client};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use crate::helpers::ID;

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_fake-youtube"));
    program.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    program
}

#[tokio::test]
async fn it_says_how_to_use_it_and_at_the_end_what_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = program()
        .current_dir(folder.path())
        .args(["--addr", "127.0.0.1:0", "--failure", "aaaaaaaaaaa=not-found"])
        .spawn()
        .unwrap();
    let mut output = BufReader::new(running.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).await.unwrap();
    let (base_url, ca_cert) = line.trim().split_once(' ').unwrap();
    let base_url = base_url.strip_prefix("YOUTUBE_BASE_URL=").unwrap();
    let ca_cert = folder.path().join(ca_cert.strip_prefix("YOUTUBE_CA_CERT=").unwrap());
    let ca = Certificate::from_pem(&std::fs::read(ca_cert).unwrap()).unwrap();
    let client = Client::builder().add_root_certificate(ca).build().unwrap();
    for (id, status) in [(ID, 200), ("aaaaaaaaaaa", 404)] {
        let response = client.get(format!("{base_url}/watch?v={id}")).send().await.unwrap();
        assert_eq!(response.status(), status);
    }

    let pid = Pid::from_raw(running.id().unwrap().cast_signed()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).await.unwrap();
    assert!(running.wait().await.unwrap().success());
    let hits: Hits = serde_json::from_str(&rest).unwrap();
    assert_eq!((hits.total, hits.video(ID)), (2, 1));
}

#[tokio::test]
async fn it_refuses_what_it_does_not_understand() {
    let refused = program().args(["--rate", "private=2"]).output().await.unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("between 0 and 1"));
    let folder = tempfile::tempdir().unwrap();
    let no_corpus = ["--addr", "127.0.0.1:0", "--corpus", "/nowhere/at/all"];
    let failed = program().current_dir(folder.path()).args(no_corpus).output().await.unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("/nowhere/at/all"));
    assert!(!folder.path().join("fake-youtube-ca.pem").exists());
}
