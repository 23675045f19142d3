//! The second reading: the newest dead letter of each document with its value, in pages, which
//! bound the memory.

use std::ops::ControlFlow;

use linkrelay_common::DocumentId;
use linkrelay_kafka::{DeadLetterHeaders, LinkMessage, RecordHeaders};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::error::DlqError;
use super::letter::{DeadLetter, RawLetter};
use super::newest::NewestLetters;
use super::reader::LetterReader;

/// A page is full when its values together have this size.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;
/// How many pages are read ahead.
const PAGES_QUEUE: usize = 2;

/// A dead letter, and the record to publish for it.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) letter: DeadLetter,
    /// Its headers have no failure, but the origin and one more replay.
    pub(super) record: RawLetter,
}

impl Candidate {
    pub(super) fn new(letter: DeadLetter, raw: RawLetter) -> Self {
        let headers = DeadLetterHeaders::strip(&raw.headers);
        let headers = DeadLetterHeaders::with_replays(&headers, letter.replays.saturating_add(1));
        Self { letter, record: RawLetter { headers, ..raw } }
    }

    /// Returns the documents of all its links, of which a record that could not be read before may
    /// have several.
    pub(super) fn document_ids(&self) -> Vec<DocumentId> {
        let value = self.record.value.as_deref().unwrap_or_default();
        let links_count = LinkMessage::decode(value).map_or(1, |message| message.links.len());
        let headers = RecordHeaders::read(&self.record.headers);
        let several = (0_u32..).take(links_count).filter(|_| links_count > 1);
        let several: Vec<DocumentId> = several
            .filter_map(|index| headers.link_identity(index, links_count))
            .map(|identity| identity.document_id())
            .collect();
        if several.is_empty() { self.letter.document_id.iter().cloned().collect() } else { several }
    }
}

/// Reads in a separate thread, which ends when the receiver is dropped.
pub(super) fn read(
    reader: LetterReader,
    newest: NewestLetters,
    page_length: usize,
    stop: CancellationToken,
) -> (mpsc::Receiver<Vec<Candidate>>, JoinHandle<Result<(), DlqError>>) {
    let (sender, receiver) = mpsc::channel(PAGES_QUEUE);
    let task = tokio::task::spawn_blocking(move || {
        let mut page = Page { candidates: Vec::new(), bytes: 0, length: page_length };
        reader.read(&stop, |raw| {
            let letter = DeadLetter::read(&raw);
            if !newest.is_newest(&letter) {
                return Ok(ControlFlow::Continue(()));
            }
            let full = page.add(Candidate::new(letter, raw));
            Ok::<_, DlqError>(full.map_or(ControlFlow::Continue(()), |full| send(&sender, full)))
        })?;
        // The replay may have ended, and receive no more.
        let _ended = send(&sender, page.candidates);
        Ok(())
    });
    (receiver, task)
}

struct Page {
    candidates: Vec<Candidate>,
    bytes: usize,
    length: usize,
}

impl Page {
    /// Adds a candidate. Returns the page if it is full, and begins another.
    fn add(&mut self, candidate: Candidate) -> Option<Vec<Candidate>> {
        self.bytes += candidate.record.size_bytes();
        self.candidates.push(candidate);
        if self.candidates.len() < self.length && self.bytes < MAX_PAGE_BYTES {
            return None;
        }
        self.bytes = 0;
        Some(std::mem::take(&mut self.candidates))
    }
}

fn send(sender: &mpsc::Sender<Vec<Candidate>>, page: Vec<Candidate>) -> ControlFlow<()> {
    if page.is_empty() {
        return ControlFlow::Continue(());
    }
    match sender.blocking_send(page) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

#[cfg(test)]
mod tests {
    use linkrelay_common::ErrorClass;

    use rdkafka::message::{Header, Headers, OwnedHeaders};

    use super::super::letter::tests::{reason, record};
    use super::*;

    fn candidate(value: &[u8]) -> Candidate {
        let own = OwnedHeaders::new().insert(Header { key: "mine", value: Some(b"\xff") });
        let headers = reason(ErrorClass::Transient, 1).add_to(&own);
        let raw = record(value, headers, 1);
        Candidate::new(DeadLetter::read(&raw), raw)
    }

    #[test]
    fn everything_except_the_failure_is_published_again() {
        let record = candidate(b"youtu.be/x").record;
        assert_eq!((record.key, record.value.as_deref()), (None, Some(&b"youtu.be/x"[..])));
        let names: Vec<&str> = record.headers.iter().map(|header| header.key).collect();
        assert_eq!(names, ["mine", "linkrelay-origin", "linkrelay-replays"]);
        assert_eq!(record.headers.get(0).value, Some(&b"\xff"[..]));
        assert!(RecordHeaders::read(&record.headers).origin.is_some());
        assert_eq!(DeadLetterHeaders::replays(&record.headers), 1);
    }

    #[test]
    fn a_page_is_full_by_count_or_by_size() {
        let mut page = Page { candidates: Vec::new(), bytes: 0, length: 3 };
        let large = vec![b' '; MAX_PAGE_BYTES];
        let lengths = [&b"a"[..], b"b", b"c", b"d", &large, b"e"]
            .map(|value| page.add(candidate(value)).map(|full| full.len()));
        assert_eq!(lengths, [None, None, Some(3), None, Some(2), None]);
    }
}
