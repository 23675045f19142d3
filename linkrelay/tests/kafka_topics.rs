//! `kafka-topics.sh` with Kafka's own command line against a real broker.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::tools::{fresh_name, kafka_home};
use tokio::process::Command;

/// How a run of the script ended.
#[derive(Debug)]
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

/// The script, with no other settings than those of the test.
struct Script(Command);

impl Script {
    fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(workspace().join("kafka-topics.sh"));
        command.args(arguments).kill_on_drop(true);
        for name in
            ["KAFKA_HOME", "KAFKA_BROKERS", "KAFKA_TOPIC", "KAFKA_DLQ_TOPIC", "KAFKA_RESULTS_TOPIC"]
        {
            command.env_remove(name);
        }
        Self(command)
    }

    fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.0.env(name, value.into());
        self
    }

    /// With the Kafka that `make tools` fetched.
    fn home(self) -> Self {
        self.env("KAFKA_HOME", kafka_home().unwrap())
    }

    async fn run(mut self) -> Run {
        let output = self.0.output().await.unwrap();
        Run {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

async fn partitions_count(broker: &KafkaBroker, topic: &str) -> usize {
    broker.end_offsets(topic).await.unwrap().len()
}

#[tokio::test]
async fn topics_are_created_once_grown_and_never_shrunk() {
    let broker = KafkaBroker::shared().await.unwrap();
    let (topic, dlq) = (fresh_name("links"), fresh_name("dlq"));
    let brokers = broker.bootstrap_servers();
    let names = ["--bootstrap-server", &brokers, "--topic", &topic, "--dlq-topic", &dlq];

    let first = Script::new(&names).home().run().await;
    assert_eq!(first.code, 0, "{first:?}");
    for line in [format!("Topic: {topic}"), format!("Topic: {dlq}"), "PartitionCount: 6".into()] {
        assert!(first.stdout.contains(&line), "{line}: {first:?}");
    }
    for setting in ["retention.ms=-1", "retention.bytes=-1", "max.message.bytes=2097152"] {
        assert!(first.stdout.contains(setting), "{setting}: {first:?}");
    }
    assert_eq!(partitions_count(broker, &topic).await, 6);
    assert_eq!(partitions_count(broker, &dlq).await, 1);

    let results = fresh_name("results");
    let with_results = [&names[..], &["--results-topic", &results, "--partitions=6"]].concat();
    for _ in 0..2 {
        let run = Script::new(&with_results).home().run().await;
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
        assert!(run.stdout.contains("cleanup.policy=delete"), "{run:?}");
        assert_eq!(partitions_count(broker, &results).await, 6);
    }

    let grown = Script::new(&[&names[..], &["--partitions=8"]].concat()).home().run().await;
    assert_eq!(grown.code, 0, "{grown:?}");
    assert!(grown.stderr.contains("grew from 6 to 8"), "{grown:?}");
    assert_eq!(partitions_count(broker, &topic).await, 8);

    let again = Script::new(&names).home().run().await;
    assert_eq!((again.code, again.stderr.as_str()), (0, ""), "{again:?}");
    assert_eq!(partitions_count(broker, &topic).await, 8);

    let shrunk = Script::new(&[&names[..], &["--partitions", "3"]].concat()).home().run().await;
    assert_eq!(shrunk.code, 1, "{shrunk:?}");
    let word = format!("topic {topic} has 8 partitions; Kafka cannot shrink a topic to 3");
    assert!(shrunk.stderr.contains(&word), "{shrunk:?}");
    assert_eq!(partitions_count(broker, &topic).await, 8);
}

#[tokio::test]
async fn an_existing_topic_keeps_its_settings_and_is_reported() {
    let broker = KafkaBroker::shared().await.unwrap();
    let (topic, dlq) = (fresh_name("links"), broker.fresh_topic("dlq", 1).await.unwrap());
    let brokers = broker.bootstrap_servers();
    let names = ["--bootstrap-server", &brokers, "--topic", &topic, "--dlq-topic", &dlq];
    let run = Script::new(&names).home().run().await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!run.stdout.contains("retention.ms=-1"), "{run:?}");
    for words in [
        "retention.ms is 604800000 and should be -1",
        "max.message.bytes is 1048588 and should be 2097152",
        &format!("{dlq} --add-config retention.ms=-1,max.message.bytes=2097152"),
    ] {
        assert!(run.stderr.contains(words), "{words}: {run:?}");
    }
}

/// A folder with links to the script under Kafka's name comes before Kafka's own in PATH.
#[tokio::test]
async fn kafka_is_found_in_path_behind_the_script_itself() {
    let broker = KafkaBroker::shared().await.unwrap();
    let (link, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let script = workspace().join("kafka-topics.sh");
    std::os::unix::fs::symlink(&script, link.path().join("kafka-topics.sh")).unwrap();
    std::fs::copy(&script, copy.path().join("kafka-topics.sh")).unwrap();
    let folders = [
        link.path().to_owned(),
        copy.path().to_owned(),
        workspace().to_owned(),
        kafka_home().unwrap().join("bin"),
    ];
    let (topic, dlq) = (fresh_name("links"), fresh_name("dlq"));
    let run = Script::new(&["--replication", "1", "--partitions", "2"])
        .env("PATH", path_with(&folders))
        .env("KAFKA_BROKERS", broker.bootstrap_servers())
        .env("KAFKA_TOPIC", &topic)
        .env("KAFKA_DLQ_TOPIC", &dlq)
        .run()
        .await;
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(partitions_count(broker, &topic).await, 2);
    assert_eq!(partitions_count(broker, &dlq).await, 1);
}

#[tokio::test]
async fn describe_changes_nothing_and_reports_a_missing_topic() {
    let broker = KafkaBroker::shared().await.unwrap();
    let (topic, dlq) = (broker.fresh_topic("links", 4).await.unwrap(), fresh_name("dlq"));
    let brokers = broker.bootstrap_servers();
    let names = ["--describe", "--bootstrap-server", &brokers, "--topic", &topic];
    let run = Script::new(&[&names[..], &["--dlq-topic", &dlq]].concat()).home().run().await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stdout.contains("PartitionCount: 4"), "{run:?}");
    assert!(run.stderr.contains(&format!("topic {dlq} cannot be described")), "{run:?}");
    assert!(broker.end_offsets(&dlq).await.is_err());
}

#[tokio::test]
async fn wrong_usage_is_reported_without_a_request_to_a_broker() {
    let cases: [(&[&str], &str); 8] = [
        (&["--partitions", "0"], "--partitions must be a whole number"),
        (&["--partitions", "many"], "--partitions must be a whole number"),
        (&["--replication", "-1"], "--replication must be a whole number"),
        (&["--topic"], "--topic needs a value"),
        (&["--topic="], "--topic needs a value"),
        (&["--topik", "x"], "unknown option --topik"),
        (&["--topic", "same", "--dlq-topic", "same"], "must differ from same"),
        (&["--topic", "same", "--results-topic", "same"], "must differ from same"),
    ];
    for (arguments, word) in cases {
        let run = Script::new(arguments).run().await;
        assert_eq!(run.code, 2, "{arguments:?}: {run:?}");
        assert!(run.stderr.contains(word), "{arguments:?}: {run:?}");
    }
    let help = Script::new(&["--help"]).run().await;
    assert_eq!(help.code, 0, "{help:?}");
    assert!(help.stdout.starts_with("Usage: ./kafka-topics.sh"), "{help:?}");
}

#[tokio::test]
async fn a_missing_kafka_is_reported() {
    let wrong = Script::new(&[]).env("KAFKA_HOME", "/nowhere").run().await;
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(wrong.stderr.contains("KAFKA_HOME is set, but /nowhere/bin"), "{wrong:?}");
    // Only the programs that the script itself runs, and no docker.
    let bare = tempfile::tempdir().unwrap();
    for tool in ["bash", "dirname", "cmp", "cat"] {
        let program = PathBuf::from("/bin").join(tool);
        std::os::unix::fs::symlink(program, bare.path().join(tool)).unwrap();
    }
    let none = Script::new(&[]).env("PATH", bare.path()).run().await;
    assert_eq!(none.code, 1, "{none:?}");
    assert!(none.stderr.contains("set KAFKA_HOME"), "{none:?}");
}

fn path_with(first: &[PathBuf]) -> OsString {
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(first.iter().cloned().chain(std::env::split_paths(&inherited))).unwrap()
}
