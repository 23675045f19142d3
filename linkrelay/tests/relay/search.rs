use std::process::Command;

use serde_json::{Value, json};

use crate::helpers::{binary, links, run};
use crate::role::up;

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_video_is_found_by_a_part_of_its_title() {
    let data = tempfile::tempdir().unwrap();
    let relay = up(data.path(), &["--demo"], &[]).ready().await;
    let id = relay.post_valid(&json!(links(0..3))).await;
    let status = relay.until_nothing_is_pending(&id).await;
    let title = status["links"][1]["title"].as_str().unwrap().to_owned();
    let video_id = status["links"][1]["video_id"].as_str().unwrap().to_owned();
    let url = relay.url();
    let search = |arguments: &[&str]| {
        let mut command = Command::new(binary("linkrelay"));
        run(command.arg("search").args(arguments).env("LINKRELAY_URL", &url))
    };
    let quoted = format!("\"{}\"", title.to_uppercase());
    let found = search(&["--json", &quoted]).done();
    let videos: Vec<Value> =
        found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(videos.iter().any(|video| video["video_id"] == video_id), "{found}");
    let part: String = title.chars().skip(1).take(2).collect();
    let table = search(&[&part]).done();
    assert!(table.contains(&video_id) && table.contains(&title), "{table}");
    assert_eq!(search(&["--limit", "1", &part]).done().lines().count(), 1);
    assert_eq!(search(&["a word that no title has"]).done(), "");
    let refused = search(&["--sort", "views", &part]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("sort: must be one of"), "{}", refused.stderr);
    relay.stop().await;
}
