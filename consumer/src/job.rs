//! The jobs of a record: one for each of its links, or one that gives the record up.

use std::sync::Arc;

use linkrelay_common::{DocumentId, LinkIdentity, VideoId};
use linkrelay_kafka::{DecodeError, LinkMessage};
use linkrelay_store::{KnownDocument, LinkState};
use linkrelay_telemetry::Span;

use crate::document::DocumentSubject;
use crate::record::{Epoch, InFlight, Record, Ticket};

/// One piece of a worker's work.
#[derive(Debug)]
pub(crate) enum Job {
    /// Find the metadata of a link.
    Link(LinkJob),
    /// Give up a record that cannot be read.
    Malformed { ticket: Arc<Ticket>, id: DocumentId, error: DecodeError },
}

/// One link of a record.
#[derive(Debug)]
pub(crate) struct LinkJob {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) identity: LinkIdentity,
    pub(crate) id: DocumentId,
    pub(crate) link: String,
    pub(crate) force: bool,
    /// Whether the record has no other link.
    pub(crate) is_only_link: bool,
    /// Its span, once it is in flight.
    pub(crate) span: Span,
}

impl Job {
    /// Returns the id of the document that the job writes.
    pub(crate) fn id(&self) -> &DocumentId {
        match self {
            Self::Link(job) => &job.id,
            Self::Malformed { id, .. } => id,
        }
    }

    /// Returns the ticket of the job's record.
    pub(crate) fn ticket(&self) -> &Arc<Ticket> {
        match self {
            Self::Link(LinkJob { ticket, .. }) | Self::Malformed { ticket, .. } => ticket,
        }
    }

    /// Returns whether this document shows that the job is complete. A failure of another record,
    /// or of the waiting path, does not. A list is complete when its videos are published, which
    /// its expansion ensures.
    pub(crate) fn is_completed_by(&self, known: &KnownDocument) -> bool {
        match known.status {
            LinkState::Stored | LinkState::Deleted => true,
            LinkState::Expanded => false,
            LinkState::Failed => known.kafka.as_ref() == Some(&self.ticket().record.position()),
        }
    }
}

/// Returns the jobs of a record. One with more than `links_limit` links is given up as a whole, so
/// that its memory is bounded, and no index of its links is that of a list's video.
pub(crate) fn open(
    record: Record,
    epoch: Epoch,
    records_in_flight: &Arc<InFlight>,
    links_limit: usize,
) -> Vec<Job> {
    let ticket = |record, links_count| {
        Arc::new(Ticket::new(record, epoch, Arc::clone(records_in_flight), links_count))
    };
    let message = match LinkMessage::decode_up_to(&record.value, links_limit) {
        Ok(message) => message,
        Err(error) => {
            let ticket = ticket(record, 1);
            let id = ticket.record_identity().document_id();
            return vec![Job::Malformed { ticket, id, error }];
        }
    };
    let links_count = message.links.len();
    let ticket = ticket(record, u32::try_from(links_count).unwrap_or(u32::MAX));
    let job = |(index, link)| {
        let identity = ticket.link_identity(index, links_count);
        Job::Link(LinkJob {
            ticket: Arc::clone(&ticket),
            id: identity.document_id(),
            identity,
            link,
            force: message.force,
            is_only_link: links_count == 1,
            span: Span::default(),
        })
    };
    (0_u32..).zip(message.links).map(job).collect()
}

impl LinkJob {
    /// Returns what its document says about the link.
    pub(crate) fn subject(&self, video_id: Option<VideoId>) -> DocumentSubject {
        DocumentSubject {
            id: self.id.clone(),
            request_id: self.identity.request_id(),
            index: self.identity.index(),
            link: self.link.clone(),
            video_id,
            submitted_at: self.ticket.submitted_at(),
            kafka: Some(self.ticket.record.position()),
        }
    }
}
