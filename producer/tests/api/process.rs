use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(60);

/// Returns the program without this process's environment, on a free port and with its own
/// directory.
fn program(dir: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linkrelay-producer"));
    command
        .env_clear()
        .env("HTTP_ADDR", "127.0.0.1:0")
        .env("KAFKA_BROKERS", "127.0.0.1:1")
        .env("DATA_DIR", dir.path())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs the program to its end. Returns its exit code and its standard error.
async fn run(command: &mut Command) -> (Option<i32>, String) {
    let output = timeout(LONG, command.output()).await.unwrap().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Reads log lines until the one with the address.
async fn address(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("ended before it listened");
            if let Some((_, rest)) = line.split_once("listening on ") {
                return rest.split_whitespace().next().unwrap().to_owned();
            }
        }
    };
    let address = timeout(LONG, address).await.unwrap();
    // Reading continues, so that the program never writes to a closed pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    address
}

#[tokio::test]
async fn a_wrong_setting_is_exit_code_2_and_one_line_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "no directory").unwrap();
    for (variable, value) in [
        ("KAFKA_CONFIG", "no.such.key=1"),
        ("REQUEST_TIMEOUT", "1s"),
        ("DATA_DIR", file.to_str().unwrap()),
        ("MONGODB_URI", "http://user:sesame@host"),
        ("RUST_LOG", "linkrelay=loudest"),
    ] {
        let (code, stderr) = run(program(&dir).env(variable, value)).await;
        assert_eq!(code, Some(2), "{variable}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with(&format!("linkrelay-producer: {variable}: ")), "{stderr}");
        assert!(!stderr.contains("sesame"), "{stderr}");
    }
    // A value that clap refuses.
    let (code, stderr) = run(program(&dir).env("KAFKA_BROKERS", "no-port")).await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("KAFKA_BROKERS") && stderr.contains("no-port"), "{stderr}");
}

#[tokio::test]
async fn a_taken_port_is_exit_code_1() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let (code, stderr) = run(program(&dir).env("HTTP_ADDR", addr)).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.starts_with("linkrelay-producer: HTTP_ADDR: cannot listen"), "{stderr}");
}

#[tokio::test]
async fn it_serves_without_a_broker_and_exits_with_0_on_sigterm() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = program(&dir).spawn().unwrap();
    let address = address(&mut child).await;
    let live = reqwest::get(format!("{address}/health/live")).await.unwrap();
    assert_eq!(live.status(), 200);
    let ready = reqwest::get(format!("{address}/health/ready")).await.unwrap();
    assert_eq!(ready.status(), 503);

    let pid = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let status = timeout(LONG, child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}
