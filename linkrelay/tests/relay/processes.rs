use std::time::Duration;

use linkrelay_testkit::wait::ok_if;
use serde_json::{Value, json};

use crate::helpers::{links, until, until_is};
use crate::role::{Role, stop, up};
use crate::site::Site;

const FAST: (&str, &str) = ("HEARTBEAT_INTERVAL", "200ms");

async fn processes(producer: &Role) -> Vec<Value> {
    let (status, answer) = producer.get("/processes").await;
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    answer["processes"].as_array().unwrap().clone()
}

/// The role, the pid and the status of each process.
async fn listed(producer: &Role) -> Vec<(String, u64, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut listed = processes(producer).await;
    listed.sort_by_key(|process| (text(&process["role"]), process["pid"].as_u64()));
    let found = listed.iter().map(|process| {
        (text(&process["role"]), process["pid"].as_u64().unwrap(), text(&process["status"]))
    });
    found.collect()
}

fn pid(role: &Role) -> u64 {
    role.process().unwrap().pid().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_consumers_are_listed_and_a_killed_one_is_gone() {
    let site = Site::slow(Duration::from_millis(20)).await;
    let producer = site.ready_producer(&[FAST]).await;
    let survivor = site.ready_consumer(&[FAST]).await;
    let mut victim = site.ready_consumer(&[FAST]).await;
    let expected = |of_victim: &str| {
        let mut expected = vec![
            ("consumer".to_owned(), pid(&survivor), "running".to_owned()),
            ("consumer".to_owned(), pid(&victim), of_victim.to_owned()),
            ("producer".to_owned(), pid(&producer), "running".to_owned()),
        ];
        expected.sort();
        expected
    };
    let (alive, gone) = (expected("running"), expected("gone"));
    until_is("all to be listed", alive, async || listed(&producer).await).await;
    producer.post_valid(&json!(links(0..500))).await;
    until("the consumers to share the partitions and to work", async || {
        let all = processes(&producer).await;
        let of = |field: &str| all.iter().map(|process| process[field].clone()).collect::<Vec<_>>();
        let partitions: usize =
            of("partitions").iter().filter_map(|all| all.as_array().map(Vec::len)).sum();
        let is_working = of("links_per_second").iter().any(|rate| rate.as_f64() > Some(0.0));
        let breakers = of("breaker").iter().filter(|breaker| **breaker == "closed").count();
        ok_if(partitions == 6 && is_working && breakers == 2, format!("{all:?}"))
    })
    .await;
    victim.kill().unwrap();
    until_is("the victim to be gone", gone, async || listed(&producer).await).await;
    survivor.stop().await;
    let left = async || listed(&producer).await.len();
    assert_eq!(left().await, 2, "a consumer that was stopped is not listed");
    stop([producer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_roles_of_one_process_are_listed_each() {
    let data = tempfile::tempdir().unwrap();
    let env = [(FAST.0, FAST.1.to_owned())];
    let relay = up(data.path(), &["--demo", "--consumers", "2"], &env).ready().await;
    until("three roles to be listed", async || {
        let all = listed(&relay).await;
        let is_complete = all.len() == 3
            && all.iter().all(|(_, of, status)| *of == pid(&relay) && status == "running");
        ok_if(is_complete, format!("{all:?}"))
    })
    .await;
    let (status, answer) = relay.get("/processes?x=1").await;
    assert!(status == 400 && answer.contains("bad_query"), "{answer}");
    relay.stop().await;
}
