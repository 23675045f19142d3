//! `linkrelay lag`: shows how far the consumers are behind, partition by partition.
//!
//! [`linkrelay_kafka::lag`] reads the figures; here is the form in which they are printed, once or
//! again and again.

use std::time::{Duration, Instant};

use clap::Args;
use console::Term;
use linkrelay_common::{SettingsError, shutdown};
use linkrelay_kafka::lag::{self, GroupLag, LagError, PartitionLag};
use linkrelay_kafka::{GroupSettings, KafkaSettings};
use linkrelay_producer::dlq::printable;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::columns::columns;
use crate::exit::Outcome;

/// The longest that one reading takes.
const LONGEST: Duration = Duration::from_secs(10);
const COLUMNS: [&str; 8] =
    ["GROUP", "TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "OWNER", "ERROR"];
/// Wide enough that the columns stay where they are while the figures grow.
const WIDTHS: [u16; 8] = [9, 13, 9, 10, 10, 10, 5, 0];

/// The group whose lag is shown, and the form.
#[derive(Debug, Args)]
pub(crate) struct LagArguments {
    /// Show it again every SECONDS, in place on a terminal and one below the other otherwise, until
    /// Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
        value_parser = clap::value_parser!(u32).range(1..=86_400))]
    watch: Option<u32>,

    /// Print one JSON object for each reading, each on a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    kafka: KafkaSettings,

    #[command(flatten)]
    group: GroupSettings,
}

pub(crate) async fn run(arguments: LagArguments) -> anyhow::Result<Outcome> {
    let LagArguments { watch, json, kafka, group } = arguments;
    if kafka.kafka_brokers.is_none() {
        let problem = "is not set; the broker of the embedded mode is within the process of \
            `linkrelay up`, whose GET /lag shows the lag";
        return Err(SettingsError::new("KAFKA_BROKERS", problem).into());
    }
    kafka.validate(&group)?;
    let stop = CancellationToken::new();
    let mut view = View { kafka, group, json, shown: 0, out: Term::buffered_stdout(), stop };
    let Some(seconds) = watch else {
        // A signal ends the command.
        let read = view.read().await?;
        view.show(&read?)?;
        return Ok(Outcome::Done);
    };
    view.stop = shutdown::on_signal()?;
    view.watch(Duration::from_secs(seconds.into())).await?;
    Ok(Outcome::Done)
}

/// What is read, and where it is shown.
struct View {
    kafka: KafkaSettings,
    group: GroupSettings,
    json: bool,
    /// How many readings have been shown.
    shown: u64,
    out: Term,
    stop: CancellationToken,
}

impl View {
    /// Shows one reading after the other until `stop` is cancelled. A broker that does not answer
    /// may answer the next time.
    async fn watch(mut self, pause: Duration) -> anyhow::Result<()> {
        while !self.stop.is_cancelled() {
            let read = self.read().await?;
            if self.stop.is_cancelled() {
                // The reading was interrupted, so it says nothing.
                break;
            }
            match read {
                Ok(lag) => self.show(&lag)?,
                Err(LagError::Topic(error)) => eprintln!("linkrelay: {error}"),
                Err(error @ LagError::Settings(_)) => return Err(error.into()),
            }
            self.stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
        Ok(())
    }

    async fn read(&self) -> Result<Result<GroupLag, LagError>, tokio::task::JoinError> {
        let (kafka, group, stop) = (self.kafka.clone(), self.group.clone(), self.stop.clone());
        let deadline = Instant::now() + LONGEST;
        // librdkafka blocks, also when its client is dropped.
        let read = move || lag::read(&kafka, &group, deadline, &|| stop.is_cancelled());
        tokio::task::spawn_blocking(read).await
    }

    fn show(&mut self, lag: &GroupLag) -> anyhow::Result<()> {
        if self.json {
            self.out.write_line(&object(lag).to_string())?;
        } else {
            match (self.shown, self.out.is_term()) {
                (0, _) => {}
                (_, true) => self.out.clear_screen()?,
                (_, false) => self.out.write_line("")?,
            }
            self.out.write_line(&table(lag))?;
        }
        self.shown += 1;
        Ok(self.out.flush()?)
    }
}

/// As `GET /lag` answers.
fn object(lag: &GroupLag) -> serde_json::Value {
    json!({
        "topic": lag.topic, "group": lag.group, "as_of": lag.as_of, "lag": lag.total(),
        "partitions": lag.partitions,
    })
}

/// Returns the heading, a row for each partition, and the total.
fn table(lag: &GroupLag) -> String {
    let heading = std::iter::once(COLUMNS.map(str::to_owned));
    let rows = lag.partitions.iter().map(|partition| row(lag, partition));
    let table = columns(WIDTHS, heading.chain(rows));
    let time = lag.as_of.strftime("%H:%M:%SZ");
    let count = lag.partitions.len();
    match lag.total() {
        Some(total) => format!("{table}\ntotal lag at {time}: {total} in {count} partitions"),
        None => {
            let known = lag.partitions.iter().filter_map(|partition| partition.lag);
            let (unknown, least) = (count - known.clone().count(), known.sum::<i64>());
            format!(
                "{table}\ntotal lag at {time}: at least {least}; that of {unknown} of {count} \
                 partitions is not known"
            )
        }
    }
}

/// The names of owners are those that clients of the broker gave themselves.
fn row(lag: &GroupLag, partition: &PartitionLag) -> [String; 8] {
    let PartitionLag { partition, committed, end, lag: behind, owner, error } = partition;
    let figure = |known: &Option<i64>| known.map_or_else(|| "-".to_owned(), |it| it.to_string());
    [
        printable(&lag.group),
        lag.topic.clone(),
        partition.to_string(),
        figure(committed),
        figure(end),
        figure(behind),
        owner.as_deref().map_or_else(|| "-".to_owned(), printable),
        error.clone().unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn group_lag(partitions: &[PartitionLag]) -> GroupLag {
        GroupLag {
            topic: "T".to_owned(),
            group: "g".to_owned(),
            as_of: Timestamp::from_second(61).unwrap(),
            partitions: partitions.to_vec(),
        }
    }

    fn known(partition: i32) -> PartitionLag {
        let (committed, end) = (Some(12), Some(20));
        let owner = Some("linkrelay\u{1b}[2J at 127.0.0.1".to_owned());
        PartitionLag { partition, committed, end, lag: Some(8), owner, error: None }
    }

    fn unknown(partition: i32) -> PartitionLag {
        let error = Some("its log is not known: LeaderNotAvailable".to_owned());
        PartitionLag { partition, error, ..PartitionLag::default() }
    }

    #[test]
    fn each_partition_has_a_row_and_the_total_says_what_is_missing() {
        let text = table(&group_lag(&[known(0), known(1)]));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!(lines[0].find("END"), lines[1].find("20"), "{text}");
        assert_eq!(lines[3], "total lag at 00:01:01Z: 16 in 2 partitions");
        assert!(!text.contains('\u{1b}'), "a terminal would obey it: {text:?}");

        let text = table(&group_lag(&[known(0), unknown(1)]));
        let row = text.lines().nth(2).unwrap();
        let fields: Vec<&str> = row.split_whitespace().take(7).collect();
        assert_eq!(fields, ["g", "T", "1", "-", "-", "-", "-"]);
        assert!(row.ends_with("its log is not known: LeaderNotAvailable"), "{row}");
        let total = "at least 8; that of 1 of 2 partitions is not known";
        assert!(text.ends_with(total), "{text}");
    }

    #[test]
    fn the_object_is_that_of_the_route() {
        let object = object(&group_lag(&[unknown(3)]));
        let expected = json!({
            "topic": "T", "group": "g", "as_of": "1970-01-01T00:01:01Z", "lag": null,
            "partitions": [{"partition": 3, "committed": null, "end": null, "lag": null,
                "owner": null, "error": "its log is not known: LeaderNotAvailable"}],
        });
        assert_eq!(object, expected);
    }
}
