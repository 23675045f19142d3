use std::collections::BTreeMap;
use std::process::Command;

use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::process::workspace_binary;
use linkrelay_testkit::tools::fresh_name;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use serde_json::Value;

/// Two topics of a test's own.
struct Topics {
    broker: &'static KafkaBroker,
    links: String,
    dlq: String,
}

impl Topics {
    async fn new() -> Self {
        let links = fresh_name("LINKS");
        let dlq = format!("{links}.dlq");
        Self { broker: KafkaBroker::shared().await.unwrap(), links, dlq }
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.broker.client_config().create().unwrap()
    }

    async fn make(&self, name: &str, settings: &[(&str, &str)]) {
        let topic = NewTopic::new(name, 1, TopicReplication::Fixed(1));
        let topic = settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        let made = self.admin().create_topics(&[topic], &AdminOptions::new()).await.unwrap();
        made.into_iter().for_each(|made| drop(made.unwrap()));
    }

    async fn settings(&self, name: &str) -> BTreeMap<String, String> {
        let asked = [ResourceSpecifier::Topic(name)];
        let found = self.admin().describe_configs(&asked, &AdminOptions::new()).await.unwrap();
        let resource = found.into_iter().next().unwrap().unwrap();
        let entries = resource.entries.into_iter();
        entries.filter_map(|entry| Some((entry.name, entry.value?))).collect()
    }

    /// What a command said; it must have gone well.
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(workspace_binary("linkrelay").unwrap());
        command.args(arguments).env("KAFKA_BROKERS", self.broker.bootstrap_servers());
        command.env("KAFKA_TOPIC", &self.links).env("KAFKA_DLQ_TOPIC", &self.dlq);
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        said
    }

    /// The line of a topic in `check`, whose other parts are not asked for here.
    fn checked(&self, topic: &str) -> Value {
        let mut command = Command::new(workspace_binary("linkrelay").unwrap());
        command.args(["check", "--json", "--demo"]);
        command.env("KAFKA_BROKERS", self.broker.bootstrap_servers());
        command.env("KAFKA_TOPIC", &self.links).env("KAFKA_DLQ_TOPIC", &self.dlq);
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let name = format!("topic {topic}");
        let parts = said["parts"].as_array().unwrap();
        parts.iter().find(|part| part["part"] == *name).unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_dead_letters_are_kept_without_limit_and_may_be_larger_than_links() {
    let topics = Topics::new().await;
    topics.run(&["topics", "create", "--partitions", "2"]);
    let (links, dlq) = (topics.settings(&topics.links).await, topics.settings(&topics.dlq).await);
    assert_eq!((&*dlq["retention.ms"], &*dlq["retention.bytes"]), ("-1", "-1"));
    let largest = |settings: &BTreeMap<String, String>| -> u64 {
        settings["max.message.bytes"].parse().unwrap()
    };
    assert!(largest(&dlq) > largest(&links) + 50_000, "{dlq:?}");
    let described = topics.run(&["topics", "describe"]);
    assert!(described.contains("retention.ms=-1, retention.bytes=-1"), "{described}");
    // A single broker's only copy is all that is left to warn of.
    let checked = topics.checked(&topics.dlq);
    assert_eq!((&checked["ok"], &checked["warn"]), (&true.into(), &true.into()), "{checked}");
    assert!(!checked["detail"].to_string().contains("retention"), "{checked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_differs_is_told_with_the_command_that_changes_it_and_left_as_it_is() {
    let topics = Topics::new().await;
    topics.make(&topics.links, &[("retention.ms", "3600000")]).await;
    topics.make(&topics.dlq, &[("retention.bytes", "1000000")]).await;
    let before = topics.settings(&topics.dlq).await;
    let said = topics.run(&["topics", "create", "--partitions", "1"]);
    for words in [
        "retention.ms is 3600000 and should be 604800000",
        "retention.bytes is 1000000 and should be -1",
        "max.message.bytes is 1048588 and should be 2097152",
        &format!("--entity-name {} --add-config retention.ms=-1,", topics.dlq),
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(topics.settings(&topics.dlq).await, before);
    let links = topics.checked(&topics.links);
    assert_eq!((&links["ok"], &links["warn"]), (&true.into(), &true.into()), "{links}");
    assert!(links["detail"].to_string().contains("retention.ms is 3600000"), "{links}");
    assert!(links["remedy"].to_string().contains("kafka-configs.sh"), "{links}");
}
