//! Writes dead letters. A record that is given up is complete only when its dead letter is durable.

use std::sync::Arc;

use jiff::Timestamp;
use linkrelay_common::health::Part;
use linkrelay_common::metrics as names;
use linkrelay_common::until::until_it_works_with;
use linkrelay_common::{DocumentId, ErrorClass};
use linkrelay_kafka::publish::{KeepLetters, Letter, WriteError};
use linkrelay_kafka::{DeadLetterHeaders, LinkMessage};
use linkrelay_store::LinkDocument;
use metrics::counter;
use rdkafka::message::OwnedHeaders;

use crate::cut::Forms;
use crate::job::LinkJob;
use crate::record::Record;
use crate::retry::Pauses;
use crate::waiting::RetriedWrites;

/// Why a record or a link is given up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GiveUpReason<'a> {
    pub(crate) class: ErrorClass,
    pub(crate) error: &'a str,
    pub(crate) attempts: u32,
}

/// The writer of dead letters.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    keep: Arc<dyn KeepLetters>,
    writes: RetriedWrites,
}

impl DeadLetters {
    /// Makes a writer; `part` works until a dead letter cannot be written.
    pub(crate) fn new(keep: Arc<dyn KeepLetters>, part: Part) -> Self {
        Self { keep, writes: RetriedWrites::new(part) }
    }

    /// Returns the part by which readiness reports the writer.
    pub(crate) fn part(&self) -> Part {
        self.writes.part()
    }

    /// Gives up a record that cannot be read, with its key, value and headers unchanged. `id` is
    /// that of its document. Retries until the dead letter is durable.
    ///
    /// # Cancel safety
    /// When dropped, the dead letter may be written or not; the record is delivered again.
    pub(crate) async fn write_record(
        &self,
        record: &Record,
        id: DocumentId,
        reason: GiveUpReason<'_>,
    ) {
        self.write(record, id, None, None, reason).await;
    }

    /// Gives up one link whose metadata is not available.
    pub(crate) async fn write_link(&self, job: &LinkJob, reason: GiveUpReason<'_>) {
        let only = (!job.is_only_link).then(|| LinkMessage::one(&job.link, job.force));
        let index = job.identity.request_id().is_none().then_some(job.identity.index());
        self.write(&job.ticket.record, job.id.clone(), only, index, reason).await;
    }

    /// Gives up one link whose document the store refuses.
    pub(crate) async fn write_document(
        &self,
        record: &Record,
        document: &LinkDocument,
        reason: GiveUpReason<'_>,
    ) {
        let message = LinkMessage::decode(&record.value).ok();
        let several = message.filter(|message| message.links.len() > 1);
        let only = several.map(|message| LinkMessage::one(&document.link, message.force));
        let index = document.request_id.is_none().then_some(document.index);
        self.write(record, document.id.clone(), only, index, reason).await;
    }

    /// Writes a dead letter. Of a record with several links, it has `only` the one that failed.
    /// `index` is set if the record origin names the document, so that a replay finds it.
    async fn write(
        &self,
        record: &Record,
        document_id: DocumentId,
        only: Option<LinkMessage>,
        index: Option<u32>,
        reason: GiveUpReason<'_>,
    ) {
        let mut headers = record.headers.clone().unwrap_or_default();
        if let Some(index) = index {
            headers = DeadLetterHeaders::with_index(&headers, index);
        }
        let headers = with_reason(record, reason, headers);
        let value = only.map_or_else(|| record.value.clone(), |message| message.encode());
        self.keep(Letter { document_id, key: record.key.clone(), value, headers }).await;
        counter!(names::DEAD_LETTERS, "class" => reason.class.as_str()).increment(1);
    }

    /// Retries until the dead letter is written, in smaller forms if it is refused.
    async fn keep(&self, letter: Letter) {
        let mut write = self.writes.begin();
        let failed = |error| write.failed(format!("a dead letter cannot be written: {error}"));
        let keep = |(letter, forms)| self.keep_some_form(letter, forms);
        let pauses = Pauses::OF_DEAD_LETTERS.forever();
        until_it_works_with((letter, None), pauses, keep, failed).await;
    }

    /// Tries to write the dead letter, and after each permanent refusal its next smaller form.
    ///
    /// # Errors
    /// The error of the last form that was tried, with that form and those that are left.
    async fn keep_some_form(
        &self,
        mut letter: Letter,
        mut forms: Option<Forms>,
    ) -> Result<(), ((Letter, Option<Forms>), WriteError)> {
        loop {
            let Err(error) = self.keep.keep(&letter).await else { return Ok(()) };
            let smaller = match error {
                WriteError::Refused(code) => {
                    forms.get_or_insert_with(|| Forms::of(&letter)).next(code)
                }
                WriteError::NotNow(_) => None,
            };
            let Some(smaller) = smaller else { return Err(((letter, forms), error)) };
            log_refusal(&letter, &error);
            letter = smaller;
        }
    }
}

fn log_refusal(letter: &Letter, error: &WriteError) {
    tracing::warn!(
        document_id = %letter.document_id, value_bytes = letter.value.len(), %error,
        "the broker refuses a dead letter as it is: a smaller one is tried"
    );
}

fn with_reason(record: &Record, reason: GiveUpReason<'_>, headers: OwnedHeaders) -> OwnedHeaders {
    let dead_letter = DeadLetterHeaders {
        class: reason.class,
        error: reason.error.to_owned(),
        attempts: reason.attempts,
        origin: record.position(),
        failed_at: Timestamp::now(),
    };
    let headers = match record.written_at() {
        Some(at) => DeadLetterHeaders::with_submitted_at(headers, at),
        None => headers,
    };
    dead_letter.add_to(&headers)
}
