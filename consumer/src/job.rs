//! A record, opened: one job for each of its links, or one for giving it up.

use std::sync::Arc;

use linkrelay_common::{DocumentId, LinkIdentity, VideoId};
use linkrelay_kafka::{DecodeError, LinkMessage};
use linkrelay_store::{KnownDocument, LinkState};

use crate::document::DocumentSubject;
use crate::record::{Epoch, InFlight, Record, Ticket};

/// What a worker has to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Find a link's metadata.
    Link(LinkJob),
    /// Give a record up that cannot be read.
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
    pub(crate) is_whole_record: bool,
}

impl Job {
    /// Of the document that it ends with.
    pub(crate) fn id(&self) -> &DocumentId {
        match self {
            Self::Link(job) => &job.id,
            Self::Malformed { id, .. } => id,
        }
    }

    /// Of the record.
    pub(crate) fn ticket(&self) -> &Arc<Ticket> {
        match self {
            Self::Link(LinkJob { ticket, .. }) | Self::Malformed { ticket, .. } => ticket,
        }
    }

    /// Whether this document says that the job was done before. A failure of another record, or
    /// of somebody who waited, says nothing of this one. A list is done when its videos are
    /// published, which its expansion sees to.
    pub(crate) fn is_done_by(&self, known: &KnownDocument) -> bool {
        match known.status {
            LinkState::Stored => true,
            LinkState::Expanded => false,
            LinkState::Failed => known.kafka.as_ref() == Some(&self.ticket().record.position()),
        }
    }
}

/// Opens a record. One with more than `links_limit` links is given up whole: what it would hold
/// in memory is bounded, and no index of its links is one of a list's video.
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
            is_whole_record: links_count == 1,
        })
    };
    (0_u32..).zip(message.links).map(job).collect()
}

impl LinkJob {
    /// What its document says of where it comes from.
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
