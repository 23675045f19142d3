//! One record in flight: its content, its position, and when it is complete.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use linkrelay_common::{DocumentId, LinkIdentity, Offset, Partition, RecordOrigin};
use linkrelay_kafka::{RecordHeaders, copy_readable};
use linkrelay_telemetry::Span;
use linkrelay_telemetry::spans::{self, Received};
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers, OwnedHeaders};

/// The assignment of a partition, and the reading of its log, to which a record belongs.
/// Completions of an older one are fenced: they are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Epoch(pub(crate) u64);

/// A record, copied out of librdkafka's memory.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: Partition,
    pub(crate) offset: Offset,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: Option<OwnedHeaders>,
    /// As Kafka keeps it, in milliseconds; 0 for a record without one.
    pub(crate) timestamp: i64,
}

impl Record {
    /// Copies a record that was polled from this topic.
    pub(crate) fn copy(topic: &Arc<str>, message: &BorrowedMessage<'_>) -> Self {
        Self {
            topic: Arc::clone(topic),
            partition: Partition(message.partition()),
            offset: Offset(message.offset()),
            key: message.key().map(<[u8]>::to_vec),
            // A record without a value (a tombstone) is malformed, as an empty one is.
            value: message.payload().map(<[u8]>::to_vec).unwrap_or_default(),
            headers: message.headers().map(copy_readable),
            timestamp: message.timestamp().to_millis().unwrap_or(0),
        }
    }

    /// Returns roughly how many bytes of memory the record takes.
    pub(crate) fn size_bytes(&self) -> usize {
        const OVERHEAD_BYTES: usize = 256;
        let headers = self.headers.iter().flat_map(|headers| headers.iter());
        let headers_bytes: usize =
            headers.map(|header| header.key.len() + header.value.map_or(0, <[u8]>::len)).sum();
        OVERHEAD_BYTES + self.key.as_ref().map_or(0, Vec::len) + self.value.len() + headers_bytes
    }

    /// Returns where the record is, which is its origin unless it is a replay.
    pub(crate) fn position(&self) -> RecordOrigin {
        RecordOrigin {
            topic: self.topic.to_string(),
            partition: self.partition,
            offset: self.offset,
            timestamp: self.timestamp,
        }
    }

    /// Returns when the record was written, if it has a timestamp.
    pub(crate) fn written_at(&self) -> Option<Timestamp> {
        let has_one = self.timestamp != 0;
        has_one.then(|| Timestamp::from_millisecond(self.timestamp).ok()).flatten()
    }

    /// Returns linkrelay's own headers of the record.
    pub(crate) fn relay_headers(&self) -> RecordHeaders {
        self.headers.as_ref().map(RecordHeaders::read).unwrap_or_default()
    }
}

/// A record in flight. Each of its links holds it until that link is complete; the last one to
/// finish gets the record's [`Completion`].
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) record: Record,
    pub(crate) headers: RecordHeaders,
    epoch: Epoch,
    links_left: AtomicU32,
    /// Lets the lane see whether any of its records is still in flight.
    _records_in_flight: Arc<InFlight>,
}

/// The mark of a record in flight: each ticket holds a clone, and the lane counts the clones.
#[derive(Debug, Default)]
pub(crate) struct InFlight;

/// The report that a record is complete, so that its offset may be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Completion {
    pub(crate) partition: Partition,
    pub(crate) offset: Offset,
    pub(crate) epoch: Epoch,
    pub(crate) size_bytes: usize,
}

impl Ticket {
    /// Makes the ticket of a record with `links_count` links; a malformed record counts as one.
    pub(crate) fn new(
        record: Record,
        epoch: Epoch,
        records_in_flight: Arc<InFlight>,
        links_count: u32,
    ) -> Self {
        let headers = record.relay_headers();
        Self {
            record,
            headers,
            epoch,
            links_left: AtomicU32::new(links_count),
            _records_in_flight: records_in_flight,
        }
    }

    /// Returns the identity of the link at `index` of this record's `links_count`: by the headers,
    /// or by the position of the record.
    pub(crate) fn link_identity(&self, index: u32, links_count: usize) -> LinkIdentity {
        self.headers
            .link_identity(index, links_count)
            .unwrap_or_else(|| LinkIdentity::OfRecord { origin: self.record.position(), index })
    }

    /// Returns the identity of the record as a whole: its origin. It is never that of a request in
    /// the headers, because the link of that request has its own document.
    pub(crate) fn record_identity(&self) -> LinkIdentity {
        let origin = self.headers.origin.as_ref().map(|(origin, _)| origin.clone());
        let origin = origin.unwrap_or_else(|| self.record.position());
        LinkIdentity::OfRecord { origin, index: 0 }
    }

    /// Returns when its links were submitted, if the headers or the record say so.
    pub(crate) fn submitted_at(&self) -> Option<Timestamp> {
        self.headers.submitted_at.or_else(|| self.record.written_at())
    }

    /// Begins the span of one of its links, with the document of this id.
    pub(crate) fn begin_span(&self, document_id: &DocumentId, group: &str) -> Span {
        let Record { topic, partition, offset, .. } = &self.record;
        let (partition, offset) = (*partition, *offset);
        spans::process(
            self.headers.trace_parent,
            Received { topic, partition, offset, group, document_id },
        )
    }

    /// Notes that one link is complete. Returns the completion of the record if it was the last.
    pub(crate) fn finish_link(&self) -> Option<Completion> {
        let is_last = self.links_left.fetch_sub(1, Ordering::AcqRel) == 1;
        is_last.then(|| Completion {
            partition: self.record.partition,
            offset: self.record.offset,
            epoch: self.epoch,
            size_bytes: self.record.size_bytes(),
        })
    }
}
