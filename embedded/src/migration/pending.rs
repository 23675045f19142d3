//! Publishes what is left in the journal to the topic of links, as the producer does.

use std::time::Duration;

use linkrelay_kafka::LinkRecord;
use linkrelay_kafka::publish::{KafkaPublisher, publish_all};
use linkrelay_store::sqlite::MovePart;

use super::{Migration, MigrationPhase, ObserveMigration, moved_up_to, reading_file};
use crate::error::MigrationError;
use crate::file_journal::readable;

/// How many links are in flight.
const PAGE: u32 = 500;
/// How long the broker may take to acknowledge a link.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

impl Migration {
    pub(super) async fn move_pending(
        &mut self,
        total: u64,
        observe: &mut ObserveMigration<'_>,
    ) -> Result<(), MigrationError> {
        let publisher = KafkaPublisher::new(&self.target.kafka, DELIVERY_TIMEOUT)?;
        let mut position = self.progress(MovePart::Journal).await?.position();
        let mut done = 0;
        loop {
            let page = self.file.journal_pending(position.into(), PAGE).await;
            let page = page.map_err(reading_file)?;
            let Some(last) = page.last() else { return Ok(()) };
            let records: Vec<LinkRecord> =
                page.iter().filter_map(|pending| readable(&pending.entry)).collect();
            let failures = publish_all(&publisher, &records, DELIVERY_TIMEOUT).await;
            if let Some((index, source)) = failures.first() {
                let document_id = records[*index].document_id();
                return Err(MigrationError::Pending { document_id, source: *source });
            }
            position = last.position.into();
            self.set_progress(MovePart::Journal, moved_up_to(position)).await?;
            self.report.pending += records.len() as u64;
            self.report.pending_failed += (page.len() - records.len()) as u64;
            done += page.len() as u64;
            observe(MigrationPhase::Pending, done, total.max(done));
        }
    }
}
