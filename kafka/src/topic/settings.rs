//! The settings that a topic needs so that nothing is lost, and in which a topic differs.

use std::fmt;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::error::KafkaError;

const RETENTION_MS: &str = "retention.ms";
const RETENTION_BYTES: &str = "retention.bytes";
const MAX_MESSAGE_BYTES: &str = "max.message.bytes";
const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";
const CLEANUP_POLICY: &str = "cleanup.policy";

const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
const UNLIMITED: i64 = -1;
/// Twice the largest record that a broker accepts by default.
const LETTER_BYTES: i64 = 2 * 1_048_576;
/// What a dead letter has in addition to its record: linkrelay's headers, with the longest error.
const OWN_HEADERS_BYTES: i64 = 65_536;
/// With this many replicas, two can be required even while a broker restarts.
const REPLICAS_OF_A_CLUSTER: usize = 3;

/// One of the topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicRole {
    /// The topic of links.
    Links,
    /// The topic of dead letters.
    DeadLetters,
    /// The topic of results.
    Results,
}

/// The settings that decide whether anything can be lost. `None` is what the broker did not report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicSettings {
    /// How long records are kept, in milliseconds; -1 without limit.
    pub retention_ms: Option<i64>,
    /// How much of a partition is kept, in bytes; -1 without limit.
    pub retention_bytes: Option<i64>,
    /// The largest record, in bytes.
    pub max_message_bytes: Option<i64>,
    /// How many replicas must have a record before it is acknowledged.
    pub min_insync_replicas: Option<i64>,
    /// What happens to old records.
    pub cleanup_policy: Option<String>,
}

/// One setting with a wrong value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name; `replication`, which is not a setting of Kafka, for the number of replicas.
    pub key: &'static str,
    /// Its value.
    pub found: String,
    /// The right value.
    pub wanted: String,
    /// What happens with the wrong one.
    pub why: &'static str,
}

impl TopicSettings {
    /// Asks the broker for the settings of a topic.
    ///
    /// # Errors
    /// If the broker does not answer, or this user may not read them.
    pub async fn read<C: ClientContext + 'static>(
        admin: &AdminClient<C>,
        topic: &str,
        timeout: Duration,
    ) -> Result<Self, KafkaError> {
        let options = AdminOptions::new().request_timeout(Some(timeout));
        let asked = [ResourceSpecifier::Topic(topic)];
        let answers = admin.describe_configs(&asked, &options).await?;
        match answers.into_iter().next() {
            Some(Ok(resource)) => Ok(Self::of(&resource)),
            Some(Err(code)) => Err(KafkaError::AdminOp(code)),
            None => Ok(Self::default()),
        }
    }

    fn of(resource: &ConfigResource) -> Self {
        let text = |key| resource.get(key).and_then(|entry| entry.value.clone());
        let number = |key| text(key).and_then(|value| value.parse().ok());
        Self {
            retention_ms: number(RETENTION_MS),
            retention_bytes: number(RETENTION_BYTES),
            max_message_bytes: number(MAX_MESSAGE_BYTES),
            min_insync_replicas: number(MIN_INSYNC_REPLICAS),
            cleanup_policy: text(CLEANUP_POLICY),
        }
    }

    /// Returns the wrong settings of a topic with these settings and this many replicas. What the
    /// broker did not report is not a difference. `largest_link_bytes` is the `max.message.bytes`
    /// of the topic of links.
    pub fn differences(
        &self,
        role: TopicRole,
        replicas_count: usize,
        largest_link_bytes: Option<i64>,
    ) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut differs = |key, is: String, wanted: String, why| {
            found.push(Difference { key, found: is, wanted, why });
        };
        let limited = |limit: Option<i64>| limit.filter(|limit| *limit >= 0);
        match role {
            TopicRole::Links => {
                if let Some(ms) = limited(self.retention_ms).filter(|ms| *ms < WEEK_MS) {
                    let why = "links that wait longer than that are lost";
                    differs(RETENTION_MS, ms.to_string(), WEEK_MS.to_string(), why);
                }
            }
            TopicRole::DeadLetters => {
                let why = "dead letters are deleted before they can be replayed";
                for (key, limit) in
                    [(RETENTION_MS, self.retention_ms), (RETENTION_BYTES, self.retention_bytes)]
                {
                    if let Some(limit) = limited(limit) {
                        differs(key, limit.to_string(), UNLIMITED.to_string(), why);
                    }
                }
                let needed = largest_link_bytes.map(|bytes| bytes.saturating_add(1));
                if let Some((bytes, _)) =
                    self.max_message_bytes.zip(needed).filter(|(bytes, needed)| bytes < needed)
                {
                    let wanted = letter_bytes(largest_link_bytes).to_string();
                    let why = "the dead letter of a large record is truncated";
                    differs(MAX_MESSAGE_BYTES, bytes.to_string(), wanted, why);
                }
            }
            // How long results are kept is for their subscribers to decide.
            TopicRole::Results => {}
        }
        // A result with the key of a newer one is that of the same document.
        let is_harmless = role == TopicRole::Results;
        if let Some(policy) =
            self.cleanup_policy.as_ref().filter(|policy| policy.contains("compact") && !is_harmless)
        {
            let why = "records with the key of a newer one are deleted";
            differs(CLEANUP_POLICY, policy.clone(), "delete".to_owned(), why);
        }
        if replicas_count == 1 {
            let why = "a broker that loses its disk loses them all";
            differs("replication", "1".to_owned(), REPLICAS_OF_A_CLUSTER.to_string(), why);
        } else if let Some(copies) = self.min_insync_replicas.filter(|copies| *copies < 2) {
            let why = "what only one broker has is acknowledged";
            differs(MIN_INSYNC_REPLICAS, copies.to_string(), "2".to_owned(), why);
        }
        found
    }
}

impl Difference {
    /// Returns whether it is a setting of Kafka, which a command can change.
    pub fn is_setting(&self) -> bool {
        self.key.contains('.')
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, found, wanted, why } = self;
        write!(f, "{key} is {found} and should be {wanted}: {why}")
    }
}

/// In the form of Kafka's own tool.
impl fmt::Display for TopicSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number =
            |value: Option<i64>| value.map_or_else(|| "unknown".to_owned(), |it| it.to_string());
        let policy = self.cleanup_policy.as_deref().unwrap_or("unknown");
        write!(
            f,
            "{RETENTION_MS}={}, {RETENTION_BYTES}={}, {MAX_MESSAGE_BYTES}={}, \
             {MIN_INSYNC_REPLICAS}={}, {CLEANUP_POLICY}={policy}",
            number(self.retention_ms),
            number(self.retention_bytes),
            number(self.max_message_bytes),
            number(self.min_insync_replicas),
        )
    }
}

/// Returns the settings of a new topic; for all others the broker's defaults are right.
pub fn of_new(
    role: TopicRole,
    replicas_count: usize,
    largest_link_bytes: Option<i64>,
) -> Vec<(&'static str, String)> {
    let mut settings = Vec::new();
    if role == TopicRole::Results {
        settings.push((CLEANUP_POLICY, "delete".to_owned()));
    }
    if role == TopicRole::DeadLetters {
        settings.push((RETENTION_MS, UNLIMITED.to_string()));
        settings.push((RETENTION_BYTES, UNLIMITED.to_string()));
        settings.push((MAX_MESSAGE_BYTES, letter_bytes(largest_link_bytes).to_string()));
    }
    if replicas_count >= REPLICAS_OF_A_CLUSTER {
        settings.push((MIN_INSYNC_REPLICAS, "2".to_owned()));
    }
    settings
}

/// Returns the command that corrects the settings of a topic; `None` if no setting differs.
pub fn command(brokers: &str, topic: &str, differences: &[Difference]) -> Option<String> {
    let settings: Vec<String> = differences
        .iter()
        .filter(|difference| difference.is_setting())
        .map(|Difference { key, wanted, .. }| format!("{key}={wanted}"))
        .collect();
    (!settings.is_empty()).then(|| {
        format!(
            "kafka-configs.sh --bootstrap-server {brokers} --alter --entity-type topics \
             --entity-name {topic} --add-config {}",
            settings.join(",")
        )
    })
}

fn letter_bytes(largest_link_bytes: Option<i64>) -> i64 {
    largest_link_bytes.map_or(0, |bytes| bytes.saturating_add(OWN_HEADERS_BYTES)).max(LETTER_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT_BYTES: Option<i64> = Some(1_048_588);

    fn broker_defaults() -> TopicSettings {
        TopicSettings {
            retention_ms: Some(WEEK_MS),
            retention_bytes: Some(-1),
            max_message_bytes: DEFAULT_BYTES,
            min_insync_replicas: Some(1),
            cleanup_policy: Some("delete".to_owned()),
        }
    }

    fn keys(settings: &TopicSettings, role: TopicRole, replicas: usize) -> Vec<&'static str> {
        let differences = settings.differences(role, replicas, DEFAULT_BYTES);
        differences.iter().map(|difference| difference.key).collect()
    }

    #[test]
    fn each_setting_that_could_lose_something_is_a_difference() {
        use TopicRole::{DeadLetters, Links, Results};
        let defaults = broker_defaults();
        let set = |change: fn(&mut TopicSettings)| {
            let mut settings = broker_defaults();
            change(&mut settings);
            settings
        };
        let safe = TopicSettings { min_insync_replicas: Some(2), ..broker_defaults() };
        assert_eq!(keys(&safe, Links, 3), [""; 0]);
        assert_eq!(keys(&defaults, Links, 1), ["replication"]);
        assert_eq!(keys(&defaults, Links, 2), ["min.insync.replicas"]);
        assert_eq!(keys(&defaults, Links, 3), ["min.insync.replicas"]);
        let short = set(|settings| settings.retention_ms = Some(WEEK_MS - 1));
        assert_eq!(keys(&short, Links, 1), ["retention.ms", "replication"]);
        let endless = set(|settings| settings.retention_ms = Some(-1));
        assert_eq!(keys(&endless, Links, 1), ["replication"]);
        let compacted = set(|settings| settings.cleanup_policy = Some("compact,delete".to_owned()));
        assert_eq!(keys(&compacted, Links, 1), ["cleanup.policy", "replication"]);
        for settings in [&defaults, &short, &compacted] {
            assert_eq!(keys(settings, Results, 1), ["replication"]);
        }
        let expected = ["retention.ms", "max.message.bytes", "replication"];
        assert_eq!(keys(&defaults, DeadLetters, 1), expected);
        let sized = set(|settings| settings.retention_bytes = Some(1));
        assert_eq!(keys(&sized, DeadLetters, 1)[..2], ["retention.ms", "retention.bytes"]);
        // What is unknown is not wrong.
        assert_eq!(keys(&TopicSettings::default(), DeadLetters, 3), [""; 0]);
        assert_eq!(defaults.differences(DeadLetters, 3, None).len(), 2);
    }

    #[test]
    fn a_new_topic_has_no_difference() {
        for links in [None, DEFAULT_BYTES, Some(10_000_000)] {
            let made = of_new(TopicRole::DeadLetters, 3, links);
            let number = |key| {
                let (_, value) = made.iter().find(|(found, _)| *found == key)?;
                value.parse::<i64>().ok()
            };
            let settings = TopicSettings {
                retention_ms: number(RETENTION_MS),
                retention_bytes: number(RETENTION_BYTES),
                max_message_bytes: number(MAX_MESSAGE_BYTES),
                min_insync_replicas: number(MIN_INSYNC_REPLICAS),
                cleanup_policy: Some("delete".to_owned()),
            };
            assert!(settings.max_message_bytes > links, "{links:?}");
            assert_eq!(settings.differences(TopicRole::DeadLetters, 3, links), []);
        }
        assert_eq!(of_new(TopicRole::Links, 2, None), []);
        let results = of_new(TopicRole::Results, 3, None);
        let of_cluster = ("min.insync.replicas", "2".to_owned());
        assert_eq!(results, [("cleanup.policy", "delete".to_owned()), of_cluster]);
    }

    #[test]
    fn one_command_changes_all_settings_but_not_the_number_of_replicas() {
        let differences = broker_defaults().differences(TopicRole::DeadLetters, 1, Some(1_048_588));
        let command = command("b:9092", "T.dlq", &differences).unwrap();
        assert!(command.ends_with(
            "--entity-name T.dlq --add-config retention.ms=-1,max.message.bytes=2097152"
        ));
        assert_eq!(super::command("b:9092", "T", &[]), None);
    }
}
