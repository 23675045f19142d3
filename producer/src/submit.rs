//! From the links that somebody sent to records that are safe; knows no HTTP.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use linkrelay_common::{LinkPlace, LinkTarget, RequestId};
use linkrelay_http::intake::CheckedLinks;
use linkrelay_kafka::LinkRecord;
use linkrelay_kafka::publish::{Failure, Publish, PublishError, publish_all};

use crate::broker::TopicKnowledge;
use crate::journal::{JournalError, JournaledIntake};

/// What goes for all links of a request.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    pub(crate) force: bool,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) trace_parent: Option<String>,
}

/// Makes the records of a request, one for each valid link.
pub(crate) fn records_of(
    checked: &CheckedLinks<LinkTarget>,
    terms: &Terms,
) -> (RequestId, Vec<LinkRecord>) {
    let id = checked.request_id(terms.idempotency_key.as_deref());
    let submitted_at = Timestamp::now();
    let records = checked.documents(id).map(|(index, _, valid)| LinkRecord {
        target: valid.names.clone(),
        link: valid.link.clone(),
        force: terms.force,
        place: LinkPlace::OfRequest { request_id: id, index },
        submitted_at,
        trace_parent: terms.trace_parent.clone(),
    });
    (id, records.collect())
}

/// Takes records and answers when each is safe, or not.
#[derive(Debug, Clone)]
pub(crate) struct Submitter {
    pub(crate) publish: Arc<dyn Publish>,
    /// Of embedded mode.
    pub(crate) intake: Option<JournaledIntake>,
    pub(crate) topic: TopicKnowledge,
    pub(crate) timeout: Duration,
}

/// What became of records.
#[derive(Debug)]
pub(crate) struct Submitted {
    pub(crate) records: Vec<LinkRecord>,
    /// Those that are not known to be safe; empty means that all are.
    pub(crate) failures: Vec<Failure>,
}

impl Submitter {
    /// With a journal, safe means journaled; without, acknowledged by the broker.
    ///
    /// # Errors
    /// If the journal did not take them: then none is published.
    pub(crate) async fn submit(&self, records: Vec<LinkRecord>) -> Result<Submitted, JournalError> {
        if let Some(intake) = self.intake.clone() {
            let publish = Arc::clone(&self.publish);
            let records = intake.accept(publish, records, self.timeout).await?;
            return Ok(Submitted { records, failures: Vec::new() });
        }
        let failures = if self.topic.is_missing() {
            (0..records.len()).map(|place| (place, PublishError::TopicMissing)).collect()
        } else {
            publish_all(self.publish.as_ref(), &records, self.timeout).await
        };
        Ok(Submitted { records, failures })
    }
}
