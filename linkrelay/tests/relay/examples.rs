use std::path::PathBuf;
use std::process::Command;

use crate::helpers::{link, run, video_id};
use crate::role::stop;
use crate::site::Site;

/// The clients in docs/examples, as the command that runs each; without JavaScript where this
/// machine has no Node.
fn clients() -> Vec<Vec<String>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/examples");
    let file = |name: &str| folder.join(name).display().to_string();
    let mut clients = vec![
        vec!["bash".to_owned(), file("submit.sh")],
        vec!["python3".to_owned(), file("submit.py")],
    ];
    if Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success()) {
        clients.push(vec!["node".to_owned(), file("submit.mjs")]);
    }
    clients
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_reads_a_207_and_its_retry_doubles_nothing() {
    let site = Site::new().await;
    let key = ("LINKRELAY_API_KEYS", "a-key-of-the-examples");
    let (producer, consumer) = site.roles(&[key], &[]).await;
    let url = producer.url();
    let clients = clients();
    for (number, client) in clients.iter().enumerate() {
        let (program, arguments) = client.split_first().unwrap();
        let submit = |links: &[&str]| {
            let mut command = Command::new(program);
            command.args(arguments).arg(&url).args(links).env("LINKRELAY_API_KEY", key.1);
            run(command.env("IDEMPOTENCY_KEY", format!("example-{number}")))
        };
        let good = link(number);
        let first = submit(&[&good]);
        assert_eq!(first.code, Some(0), "{program}: {}", first.all());
        let again = submit(&[&good]);
        assert_eq!(again.stdout, first.stdout, "{program}: {}", again.all());
        let mixed = submit(&[&good, "say \"hello\"\\"]);
        assert_eq!(mixed.code, Some(1), "{program}: {}", mixed.all());
        assert!(mixed.stdout.contains("not_a_url"), "{program}: {}", mixed.all());
    }
    site.until_lag_is_zero().await;
    // The same key with the same valid link is the same document, three times over.
    let videos: Vec<String> = (0..clients.len()).map(video_id).collect();
    assert_eq!(site.texts("video_id").await, videos);
    stop([producer, consumer]).await;
}
