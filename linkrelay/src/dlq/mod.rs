//! `linkrelay dlq`: lists and replays dead letters, the links that were given up.
//!
//! [`linkrelay_producer::dlq`] reads and publishes them. Here are the arguments ([`filter`]), the
//! [`form`] in which they are printed, and the two commands, [`list`] and [`replay`].

mod filter;
mod form;
mod list;
mod replay;

use clap::Subcommand;
use linkrelay_common::SettingsError;
use linkrelay_kafka::KafkaSettings;
use linkrelay_producer::dlq::LetterSource;
use linkrelay_store::StoreSettings;

use crate::data_dir;
use crate::exit::Outcome;

/// The commands for dead letters.
#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// Show the links that were given up, and why
    List(Box<list::ListArguments>),
    /// Publish links that were given up again; safe to interrupt and to run twice
    Replay(Box<replay::ReplayArguments>),
}

pub(crate) async fn run(command: DlqCommand) -> anyhow::Result<Outcome> {
    match command {
        DlqCommand::List(arguments) => list::run(*arguments).await,
        DlqCommand::Replay(arguments) => replay::run(*arguments).await,
    }
}

/// Returns where dead letters are: in their topic, or, without KAFKA_BROKERS, in the file of `up`,
/// which is not made. Blocks.
///
/// # Errors
/// If there is no such file, or it cannot be used; the error names DATA_DIR.
fn source(kafka: &KafkaSettings, store: &StoreSettings) -> Result<LetterSource, SettingsError> {
    if kafka.kafka_brokers.is_some() {
        return Ok(LetterSource::Topic(kafka.clone()));
    }
    data_dir::check(store, "or KAFKA_BROKERS for the dead letters of a broker")?;
    Ok(LetterSource::Rows(store.open_sqlite()?))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use linkrelay_common::{ErrorClass, Offset, Partition, RecordOrigin};
    use linkrelay_kafka::DeadLetterHeaders;
    use linkrelay_producer::dlq::{DeadLetter, RawLetter};
    use rdkafka::message::OwnedHeaders;

    /// The dead letter at `offset` of one link without a request, given up in second `offset`.
    pub(super) fn letter(class: ErrorClass, offset: i64) -> DeadLetter {
        let origin = RecordOrigin {
            topic: "T".to_owned(),
            partition: Partition(2),
            offset: Offset(1_000 + offset),
            timestamp: 7,
        };
        let reason = DeadLetterHeaders {
            class,
            error: "status 503".to_owned(),
            attempts: 5,
            origin,
            failed_at: Timestamp::from_second(offset).unwrap(),
        };
        DeadLetter::read(&RawLetter {
            partition: 0,
            offset,
            written_at_ms: Some(7_000),
            key: None,
            value: Some(b"https://youtu.be/5fR9AHlSDtc".to_vec()),
            headers: reason.add_to(&OwnedHeaders::new()),
            is_marked: false,
        })
    }
}
