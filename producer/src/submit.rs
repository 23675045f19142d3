//! From the links that somebody sent to records that are safe; knows no HTTP.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use linkrelay_common::link::LinkError;
use linkrelay_common::{RequestId, VideoId, parse_link};

use crate::broker::TopicKnowledge;
use crate::journal::{JournalError, JournaledIntake};
use crate::publish::{Failure, Publish, PublishError, publish_all};
use crate::record::LinkRecord;

/// The links of one request, looked at.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Those that name a video, in order.
    pub(crate) valid: Vec<ValidLink>,
    /// The others, in order.
    pub(crate) rejected: Vec<Rejected>,
}

#[derive(Debug)]
pub(crate) struct ValidLink {
    link: String,
    video_id: VideoId,
}

/// A link that names no video.
#[derive(Debug)]
pub(crate) struct Rejected {
    /// Its place among all links of the request, from 0.
    pub(crate) index: usize,
    pub(crate) link: String,
    pub(crate) error: LinkError,
}

/// What goes for all links of a request.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    pub(crate) force: bool,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) trace_parent: Option<String>,
}

impl Checked {
    pub(crate) fn new(links: Vec<String>) -> Self {
        let mut checked = Self { valid: Vec::with_capacity(links.len()), rejected: Vec::new() };
        for (index, link) in links.into_iter().enumerate() {
            match parse_link(&link) {
                Ok(video_id) => checked.valid.push(ValidLink { link, video_id }),
                Err(error) => checked.rejected.push(Rejected { index, link, error }),
            }
        }
        checked
    }
}

impl AsRef<str> for ValidLink {
    fn as_ref(&self) -> &str {
        &self.link
    }
}

/// Makes the records of a request. Its id counts the valid links, and a record's index is its
/// place among them: so the id alone tells which documents there will be.
pub(crate) fn records_of(valid: Vec<ValidLink>, terms: &Terms) -> (RequestId, Vec<LinkRecord>) {
    let count = u32::try_from(valid.len()).unwrap_or(u32::MAX);
    let id = match &terms.idempotency_key {
        Some(key) => RequestId::from_idempotency_key(key, &valid),
        None => RequestId::new(count),
    };
    let submitted_at = Timestamp::now();
    let records = valid.into_iter().zip(0_u32..).map(|(valid, index)| LinkRecord {
        video_id: valid.video_id,
        link: valid.link,
        force: terms.force,
        request_id: id,
        index,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn checked() -> Checked {
        let links = ["youtu.be/5fR9AHlSDtc", "hello", "https://youtu.be/dQw4w9WgXcQ"];
        Checked::new(links.map(str::to_owned).to_vec())
    }

    #[test]
    fn the_id_counts_valid_links_and_places_are_among_them() {
        let checked = checked();
        assert_eq!(checked.rejected.len(), 1);
        assert_eq!((checked.rejected[0].index, checked.rejected[0].error.code()), (1, "not_a_url"));
        let (id, records) = records_of(checked.valid, &Terms::default());
        assert_eq!(id.links_count(), 2);
        let places: Vec<_> =
            records.iter().map(|record| (record.request_id, record.index)).collect();
        assert_eq!(places, [(id, 0), (id, 1)]);
        assert_eq!(records[1].video_id.as_str(), "dQw4w9WgXcQ");
    }

    #[test]
    fn a_key_gives_the_same_documents_again() {
        let terms = Terms { idempotency_key: Some("k".to_owned()), ..Terms::default() };
        let ids = || {
            let (_, records) = records_of(checked().valid, &terms);
            records.iter().map(LinkRecord::document_id).collect::<Vec<_>>()
        };
        assert_eq!(ids(), ids());
    }
}
