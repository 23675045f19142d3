use std::collections::BTreeMap;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use serde_json::Value;

use crate::site::Site;

fn admin(site: &Site) -> AdminClient<DefaultClientContext> {
    site.broker.client_config().create().unwrap()
}

pub(crate) async fn make(site: &Site, name: &str, settings: &[(&str, &str)]) {
    let topic = NewTopic::new(name, 1, TopicReplication::Fixed(1));
    let topic = settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
    let made = admin(site).create_topics(&[topic], &AdminOptions::new()).await.unwrap();
    made.into_iter().for_each(|made| drop(made.unwrap()));
}

async fn settings(site: &Site, name: &str) -> BTreeMap<String, String> {
    let asked = [ResourceSpecifier::Topic(name)];
    let found = admin(site).describe_configs(&asked, &AdminOptions::new()).await.unwrap();
    let resource = found.into_iter().next().unwrap().unwrap();
    let entries = resource.entries.into_iter();
    entries.filter_map(|entry| Some((entry.name, entry.value?))).collect()
}

/// The line of a topic in `check`, whose other parts are not asked for here.
fn checked(site: &Site, topic: &str) -> Value {
    let said = site.linkrelay(&["check", "--json", "--demo"], &[]);
    let said: Value = serde_json::from_str(&said.stdout).unwrap();
    let name = format!("topic {topic}");
    let parts = said["parts"].as_array().unwrap();
    parts.iter().find(|part| part["part"] == *name).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn new_dead_letters_are_kept_without_limit_and_may_be_larger_than_links() {
    let site = Site::without_topics().await;
    site.linkrelay(&["topics", "create", "--partitions", "2"], &[]).done();
    let (links, dlq) = (settings(&site, &site.topic).await, settings(&site, &site.dlq).await);
    assert_eq!((&*dlq["retention.ms"], &*dlq["retention.bytes"]), ("-1", "-1"));
    let largest = |settings: &BTreeMap<String, String>| -> u64 {
        settings["max.message.bytes"].parse().unwrap()
    };
    assert!(largest(&dlq) > largest(&links) + 50_000, "{dlq:?}");
    let described = site.linkrelay(&["topics", "describe"], &[]).done();
    assert!(described.contains("retention.ms=-1, retention.bytes=-1"), "{described}");
    // The only remaining warning is that a single broker has the only copy.
    let checked = checked(&site, &site.dlq);
    assert_eq!((&checked["ok"], &checked["warn"]), (&true.into(), &true.into()), "{checked}");
    assert!(!checked["detail"].to_string().contains("retention"), "{checked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_differs_is_reported_with_the_command_that_changes_it_and_left_as_it_is() {
    let site = Site::without_topics().await;
    make(&site, &site.topic, &[("retention.ms", "3600000")]).await;
    make(&site, &site.dlq, &[("retention.bytes", "1000000")]).await;
    let before = settings(&site, &site.dlq).await;
    let said = site.linkrelay(&["topics", "create", "--partitions", "1"], &[]).done();
    for words in [
        "retention.ms is 3600000 and should be 604800000",
        "retention.bytes is 1000000 and should be -1",
        "max.message.bytes is 1048588 and should be 2097152",
        &format!("--entity-name {} --add-config retention.ms=-1,", site.dlq),
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(settings(&site, &site.dlq).await, before);
    let links = checked(&site, &site.topic);
    assert_eq!((&links["ok"], &links["warn"]), (&true.into(), &true.into()), "{links}");
    assert!(links["detail"].to_string().contains("retention.ms is 3600000"), "{links}");
    assert!(links["remedy"].to_string().contains("kafka-configs.sh"), "{links}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_of_results_is_made_checked_and_never_grown() {
    let site = Site::without_topics().await;
    let results = format!("{}.results", site.topic);
    let env = [("KAFKA_RESULTS_TOPIC", results.as_str())];
    let create =
        |partitions| site.linkrelay(&["topics", "create", "--partitions", partitions], &env).done();
    assert!(!site.linkrelay(&["topics", "create"], &[]).done().contains(&results));
    let check = || {
        let said = site.linkrelay(&["check", "--json", "--demo"], &env);
        let said: Value = serde_json::from_str(&said.stdout).unwrap();
        let parts = said["parts"].as_array().unwrap().clone();
        let name = format!("topic {results}");
        parts.into_iter().find(|part| part["part"] == *name).unwrap()
    };
    let missing = check();
    assert!(missing["ok"] == false && missing["detail"] == "does not exist", "{missing}");
    assert!(create("6").contains(&format!("{results}: created with 6 partitions")));
    let found = settings(&site, &results).await;
    assert_eq!(found["cleanup.policy"], "delete");
    let grown = create("8");
    assert!(grown.contains(&format!("{}: grown from 6 to 8", site.topic)), "{grown}");
    assert!(grown.contains(&format!("{results}: has 6 partitions already")), "{grown}");
    let described = site.linkrelay(&["topics", "describe"], &env).done();
    assert!(described.contains(&format!("{results}: 6 partitions, 1 replicas")), "{described}");
    let there = check();
    assert!(there["ok"] == true, "{there}");
    let same = [("KAFKA_RESULTS_TOPIC", site.dlq.as_str())];
    assert_eq!(site.linkrelay(&["topics", "create"], &same).code, Some(2));
}
