//! The second reading: the newest dead letter of each document, whole, in pages that bound what
//! is held at once.

use std::ops::ControlFlow;

use linkrelay_common::{DeadLetterHeaders, copy_readable};
use rdkafka::Message;
use rdkafka::message::OwnedHeaders;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::letter::DeadLetter;
use super::newest::NewestLetters;
use super::reader::DlqReader;

/// A page ends early when its values are this large together.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;
/// Pages read ahead.
const PAGES_QUEUE: usize = 2;

/// A dead letter, and the record to publish for it.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) letter: DeadLetter,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    /// Without the failure, with the origin.
    pub(super) headers: OwnedHeaders,
}

impl Candidate {
    fn new(letter: DeadLetter, message: &impl Message) -> Self {
        let headers = message.headers().map(copy_readable).unwrap_or_default();
        Self {
            letter,
            key: message.key().map(Vec::from),
            value: message.payload().map(Vec::from),
            headers: DeadLetterHeaders::strip(&headers),
        }
    }

    fn size_bytes(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len)
    }
}

/// Reads in a thread of its own. Dropping the receiver ends it.
pub(super) fn read(
    reader: DlqReader,
    newest: NewestLetters,
    page_length: usize,
    stop: CancellationToken,
) -> (mpsc::Receiver<Vec<Candidate>>, JoinHandle<anyhow::Result<()>>) {
    let (sender, receiver) = mpsc::channel(PAGES_QUEUE);
    let task = tokio::task::spawn_blocking(move || {
        let mut page = Page { candidates: Vec::new(), bytes: 0, length: page_length };
        reader.read(&stop, |message| {
            let letter = DeadLetter::read(message);
            if !newest.is_newest(&letter) {
                return Ok(ControlFlow::Continue(()));
            }
            let full = page.add(Candidate::new(letter, message));
            Ok(full.map_or(ControlFlow::Continue(()), |full| send(&sender, full)))
        })?;
        // Nobody takes it if the replay ended before.
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
    /// Gives the page once it is full, and begins another.
    fn add(&mut self, candidate: Candidate) -> Option<Vec<Candidate>> {
        self.bytes += candidate.size_bytes();
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
    use linkrelay_common::{ErrorClass, RecordHeaders};

    use rdkafka::message::{Header, Headers};

    use super::super::letter::tests::{reason, record};
    use super::*;

    fn candidate(value: &[u8]) -> Candidate {
        let own = OwnedHeaders::new().insert(Header { key: "mine", value: Some(b"\xff") });
        let headers = reason(ErrorClass::Transient, 1).add_to(&own);
        let message = record(value, headers, 1);
        Candidate::new(DeadLetter::read(&message), &message)
    }

    #[test]
    fn everything_but_the_failure_goes_through() {
        let candidate = candidate(b"youtu.be/x");
        assert_eq!((candidate.key, candidate.value.as_deref()), (None, Some(&b"youtu.be/x"[..])));
        let names: Vec<&str> = candidate.headers.iter().map(|header| header.key).collect();
        assert_eq!(names, ["mine", "linkrelay-origin"]);
        assert_eq!(candidate.headers.get(0).value, Some(&b"\xff"[..]));
        assert!(RecordHeaders::read(&candidate.headers).origin.is_some());
    }

    #[test]
    fn a_page_is_full_by_number_or_by_size() {
        let mut page = Page { candidates: Vec::new(), bytes: 0, length: 3 };
        let large = vec![b' '; MAX_PAGE_BYTES];
        let lengths = [&b"a"[..], b"b", b"c", b"d", &large, b"e"]
            .map(|value| page.add(candidate(value)).map(|full| full.len()));
        assert_eq!(lengths, [None, None, Some(3), None, Some(2), None]);
    }
}
