use std::process::Command;

use linkrelay_testkit::process::ProcessBuilder;
use linkrelay_testkit::wait::{LONG, ok_if};
use serde_json::{Value, json};

use crate::helpers::{binary, links, run, until};
use crate::role::stop;
use crate::site::Site;

/// Without a heartbeat that names the partitions, the owners are those that the broker tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_broker_tells_the_lag_of_both_protocols_and_the_owners_of_one() {
    for (protocol, tells_owners) in [("classic", true), ("consumer", false)] {
        let mut env = vec![("HEARTBEAT_INTERVAL", "60s"), ("KAFKA_GROUP_PROTOCOL", protocol)];
        if protocol == "consumer" {
            // The keys of the other protocol must be absent.
            env.push(("KAFKA_CONFIG", ""));
        }
        let site = Site::new().await;
        let producer = site.ready_producer(&env).await;
        producer.post_valid(&json!(links(0..20))).await;
        let lag = async || {
            let (status, lag) = producer.get("/lag").await;
            assert_eq!(status, 200, "{lag}");
            serde_json::from_str::<Value>(&lag).unwrap()
        };
        // A broker looks for the group's coordinator first, and does not know it at once.
        until("20 links to wait", async || {
            let waiting = lag().await;
            ok_if(waiting["lag"] == 20, waiting.to_string())
        })
        .await;
        let consumer = site.ready_consumer(&env).await;
        until("the lag to be gone", async || {
            let lag = lag().await;
            let rows = lag["partitions"].as_array().unwrap();
            let of_broker = |row: &Value| {
                row["owner"].as_str().is_some_and(|owner| owner.ends_with(" at 127.0.0.1"))
            };
            let are_told = rows.len() == 6 && rows.iter().all(of_broker);
            ok_if(lag["lag"] == 0 && (are_told || !tells_owners), lag)
        })
        .await;
        stop([producer, consumer]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_shows_each_partition_and_the_total() {
    let site = Site::new().await;
    let producer = site.ready_producer(&[]).await;
    producer.post_valid(&json!(links(0..20))).await;
    let lag = |more: &[&str]| site.linkrelay(&[&["lag"], more].concat(), &[]);
    // A broker looks for the group's coordinator first, and does not know it at once.
    let object = until("20 links to wait", async || {
        let said = lag(&["--json"]);
        let object: Value = serde_json::from_str(&said.stdout).map_err(|_| said.all())?;
        ok_if(object["lag"] == 20, said.all()).map(|()| object)
    })
    .await;
    let (status, of_route) = producer.get("/lag").await;
    assert_eq!(status, 200, "{of_route}");
    let of_route: Value = serde_json::from_str(&of_route).unwrap();
    for same in ["topic", "group", "lag", "partitions"] {
        assert_eq!(object[same], of_route[same], "{object} {of_route}");
    }
    let table = lag(&[]).done();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 8, "{table}");
    assert!(lines[0].starts_with("GROUP ") && lines[7].ends_with("20 in 6 partitions"), "{table}");
    let row: Vec<&str> = lines[3].split_whitespace().collect();
    assert_eq!((row[1], row[2], row[3]), (&*site.topic, "2", "-"), "{table}");
    let consumer = site.ready_consumer(&[]).await;
    until("the owners", async || {
        let table = lag(&[]).done();
        let owned = table.lines().filter(|line| line.ends_with(" at 127.0.0.1")).count();
        ok_if(owned == 6 && table.ends_with(" 0 in 6 partitions\n"), table)
    })
    .await;
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_shows_it_again_until_it_is_interrupted() {
    let site = Site::new().await;
    let watch = |more: &[&str]| {
        let command = ProcessBuilder::new("lag", binary("linkrelay")).args(["lag", "--watch", "1"]);
        let command = command.args(more);
        let env = site.env().into_iter();
        env.fold(command, |command, (name, value)| command.env(name, value)).spawn().unwrap()
    };
    let (mut tables, mut objects) = (watch(&[]), watch(&["--json"]));
    until("three of each", async || {
        let (tables, objects) = (tables.stdout().unwrap(), objects.stdout().unwrap());
        let enough = tables.matches("total lag").count() >= 3 && objects.lines().count() >= 3;
        ok_if(enough, format!("{tables}{objects}"))
    })
    .await;
    for process in [&mut tables, &mut objects] {
        process.interrupt().unwrap();
        assert!(process.wait(LONG).await.unwrap().success(), "{}", process.log_tail());
    }
    let shown = tables.stdout().unwrap();
    assert!(shown.contains("partitions\n\nGROUP ") && !shown.contains('\u{1b}'), "{shown}");
    for line in objects.stdout().unwrap().lines() {
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["topic"], *site.topic);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_where_else_the_lag_is_and_why_there_is_none() {
    let site = Site::without_topics().await;
    let embedded = run(Command::new(binary("linkrelay")).arg("lag").env_remove("KAFKA_BROKERS"));
    assert_eq!(embedded.code, Some(2), "{embedded:?}");
    assert!(embedded.stderr.contains("GET /lag"), "{embedded:?}");
    assert_eq!(site.linkrelay(&["lag", "--watch", "0"], &[]).code, Some(2));
    let missing = site.linkrelay(&["lag"], &[]);
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.stderr.contains("does not exist"), "{missing:?}");
}
