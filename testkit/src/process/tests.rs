use std::os::unix::process::ExitStatusExt as _;

use super::*;
use crate::wait::{LONG, ok_if};

const ROLE: &str = "LINKRELAY_TEST_DYING_PROCESS";

fn shell(script: &str) -> Process {
    ProcessBuilder::new("shell", "sh").args(["-c", script]).spawn().unwrap()
}

/// The letter of `proc(5)`, if there is such a process.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// A zombie that no process reaps does not count.
fn is_there(pid: u32) -> bool {
    state(pid).is_some_and(|state| state != 'Z')
}

async fn reaches_state(process: &Process, wanted: char) {
    let reached = wait_for("a process state", LONG, SHORT, async || match state(process.pid()) {
        Some(state) if state == wanted => Ok(()),
        other => Err(format!("{other:?}")),
    });
    reached.await.unwrap();
}

async fn output_has(process: &Process, text: &str) {
    let checked = wait_for(text, LONG, SHORT, async || {
        let output = process.stdout().unwrap();
        ok_if(output.contains(text), output)
    });
    checked.await.unwrap();
}

#[tokio::test]
async fn output_and_exit_code_are_kept() {
    let mut process = ProcessBuilder::new("greeter", "sh")
        .args(["-c", "echo $GREETING; pwd; echo failure >&2; exit 3"])
        .env("GREETING", "hello")
        .current_dir("/")
        .spawn()
        .unwrap();
    let status = process.wait(LONG).await.unwrap();
    assert_eq!(status.code(), Some(3));
    assert_eq!(process.stdout().unwrap(), "hello\n/\n");
    assert_eq!(process.stderr().unwrap(), "failure\n");
    let error = process.ensure_running().unwrap_err().to_string();
    assert!(error.contains("exit status: 3") && error.contains("failure"), "{error}");
}

#[tokio::test]
async fn a_dropped_process_is_gone_with_its_children() {
    let process = shell("sleep 1000 & echo child $!; wait");
    output_has(&process, "child").await;
    let child: u32 = process.stdout().unwrap().trim_start_matches("child ").trim().parse().unwrap();
    let pid = process.pid();
    assert!(is_there(pid) && is_there(child));
    drop(process);
    assert!(!is_there(pid));
    let gone =
        wait_for("the child's end", LONG, SHORT, async || ok_if(!is_there(child), "it runs"));
    gone.await.unwrap();
}

#[tokio::test]
async fn a_process_can_handle_sigterm_but_not_sigkill() {
    let script = "trap 'echo stopping; exit 7' TERM; echo up; while :; do sleep 0.05; done";
    let mut stopped = shell(script);
    output_has(&stopped, "up").await;
    assert_eq!(stopped.terminate(LONG).await.unwrap().code(), Some(7));
    output_has(&stopped, "stopping").await;
    let mut killed = shell(script);
    output_has(&killed, "up").await;
    assert_eq!(killed.kill().unwrap().signal(), Some(9));
    assert_eq!(killed.kill().unwrap().signal(), Some(9));
}

#[tokio::test]
async fn a_paused_process_does_nothing_and_can_still_be_killed() {
    let mut process = shell("echo up; exec sleep 1000");
    output_has(&process, "up").await;
    process.pause().unwrap();
    reaches_state(&process, 'T').await;
    process.resume().unwrap();
    reaches_state(&process, 'S').await;
    process.pause().unwrap();
    assert_eq!(process.kill().unwrap().signal(), Some(9));
    assert!(process.resume().is_err());
}

#[tokio::test]
async fn a_process_that_does_not_stop_is_reported_with_its_log() {
    let mut stubborn = shell("trap '' TERM; echo never; while :; do sleep 0.05; done");
    output_has(&stubborn, "never").await;
    let error = stubborn.terminate(Duration::from_millis(50)).await.unwrap_err().to_string();
    assert!(error.contains("the end of shell") && error.contains("never"), "{error}");
}

/// The test runs itself again as the process that dies: it starts a server with a folder, prints
/// its process id and aborts, so that no handle drops.
#[tokio::test]
async fn a_server_and_its_folder_go_when_the_test_process_dies() {
    if std::env::var_os(ROLE).is_some() {
        let folder = tempfile::tempdir().unwrap();
        let server = ProcessBuilder::new("server", "sleep")
            .args(["1000"])
            .remove_if_orphaned(folder.path())
            .spawn()
            .unwrap();
        println!("server {} {}", server.pid(), folder.path().display());
        std::process::abort();
    }
    let name = "process::tests::a_server_and_its_folder_go_when_the_test_process_dies";
    let mut dying = ProcessBuilder::new("dying", std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(ROLE, "yes")
        .spawn()
        .unwrap();
    dying.wait(LONG).await.unwrap();
    let output = dying.stdout().unwrap();
    let line = output.lines().find_map(|line| line.strip_prefix("server ")).unwrap();
    let (pid, folder) = line.split_once(' ').unwrap();
    let pid = pid.parse().unwrap();
    let gone = wait_for("the server's end", LONG, SHORT, async || {
        match (is_there(pid), Path::new(folder).exists()) {
            (false, false) => Ok(()),
            (runs, exists) => Err(format!("runs: {runs}, folder: {exists}")),
        }
    });
    gone.await.unwrap();
}

#[test]
fn a_missing_binary_is_named_with_what_builds_it() {
    let error = workspace_binary("no-such-binary").unwrap_err().to_string();
    assert!(error.contains("no-such-binary") && error.contains("cargo build"), "{error}");
}
