//! What must never happen.

use std::fmt;

/// A broken promise.
#[derive(Debug, Clone, PartialEq)]
pub enum Violation {
    /// An acknowledged link without a document.
    Lost {
        /// The document that is missing.
        id: String,
        /// The link.
        link: String,
        /// Where its records lie (`partition:offset`); none if it never reached the topic.
        records: Vec<String>,
    },
    /// A record by hand that the broker acknowledged and that is not in the topic.
    LostByTheBroker {
        /// Its value.
        value: String,
    },
    /// More than one document of one id, or of one link that was sent once.
    Doubled {
        /// The id.
        id: String,
        /// The link.
        link: String,
    },
    /// A document that nobody asked for.
    Unexpected {
        /// The id.
        id: String,
        /// The link.
        link: String,
    },
    /// A record that nobody wrote.
    ForeignRecord {
        /// `topic:partition:offset:timestamp`.
        place: String,
    },
    /// Stored instead of failed, or failed for good although the video is there.
    WrongStatus {
        /// The id.
        id: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A document about another link or video, or without metadata.
    WrongContent {
        /// The id.
        id: String,
        /// What is wrong.
        problem: String,
    },
    /// Rubbish without the one failed document that says so.
    NoDocumentOfRubbish {
        /// The document's id.
        id: String,
    },
    /// Given up, or rubbish, and not in the topic of dead letters with its raw bytes.
    NoDeadLetter {
        /// The document, or the record's `topic:partition:offset:timestamp`.
        of: String,
    },
    /// A dead letter of something that was not given up.
    UnexpectedDeadLetter {
        /// The record's `topic:partition:offset:timestamp`, as the dead letter says.
        origin: String,
        /// Its class.
        class: String,
    },
    /// The group's offset is not the partition's end, although nothing is left to do.
    NotCommitted {
        /// The partition.
        partition: i32,
        /// The group's offset.
        committed: Option<i64>,
        /// The partition's end.
        end: i64,
    },
    /// A request that was never answered 201, although everything was mended.
    Unanswered {
        /// Its Idempotency-Key.
        key: String,
    },
    /// An answer other than 201 and 503.
    Refused {
        /// The request's Idempotency-Key.
        key: String,
        /// The answer.
        answer: String,
    },
    /// Answers to one key that name different requests.
    SeveralIds {
        /// The Idempotency-Key.
        key: String,
        /// The ids.
        ids: Vec<String>,
    },
    /// The lag did not get to 0.
    NotSettled {
        /// How things stood.
        status: String,
    },
    /// The status of a request whose documents are all there says otherwise.
    WrongRequestStatus {
        /// The request.
        id: String,
        /// The answer.
        answer: String,
    },
    /// More links were extracted again than this run may have.
    TooManyRepeats {
        /// Of a hundred links.
        percent: f64,
        /// The bound.
        at_most: f64,
    },
    /// A process that ended by itself, or did not end well when told to.
    Misbehaved {
        /// What it did.
        complaint: String,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { id, link, records } if records.is_empty() => {
                write!(f, "lost: {id} ({link}), acknowledged and not in the topic")
            }
            Self::Lost { id, link, records } => {
                write!(f, "lost: {id} ({link}), in the topic at {}", records.join(", "))
            }
            Self::LostByTheBroker { value } => write!(f, "lost: record by hand {value:?}"),
            Self::Doubled { id, link } => write!(f, "doubled: {id} ({link})"),
            Self::Unexpected { id, link } => write!(f, "unexpected document: {id} ({link})"),
            Self::ForeignRecord { place } => write!(f, "a record that nobody wrote at {place}"),
            Self::WrongStatus { id, expected, found } => {
                write!(f, "wrong status: {id} is {found}, not {expected}")
            }
            Self::WrongContent { id, problem } => write!(f, "wrong content: {id}: {problem}"),
            Self::NoDocumentOfRubbish { id } => {
                write!(f, "{id} should be the one document that says that its record is malformed")
            }
            Self::NoDeadLetter { of } => write!(f, "no dead letter of {of}"),
            Self::UnexpectedDeadLetter { origin, class } => {
                write!(f, "a dead letter of {origin} ({class}), which was not given up")
            }
            Self::NotCommitted { partition, committed, end } => {
                write!(f, "partition {partition} is committed up to {committed:?} of {end}")
            }
            Self::Unanswered { key } => write!(f, "request {key} was never answered 201"),
            Self::Refused { key, answer } => write!(f, "request {key} was answered {answer}"),
            Self::SeveralIds { key, ids } => {
                write!(f, "request {key} has several ids: {}", ids.join(", "))
            }
            Self::NotSettled { status } => write!(f, "the lag did not get to 0: {status}"),
            Self::WrongRequestStatus { id, answer } => {
                write!(f, "the status of {id} is wrong: {answer}")
            }
            Self::TooManyRepeats { percent, at_most } => {
                write!(f, "{percent:.1} % of the links were extracted again, above {at_most} %")
            }
            Self::Misbehaved { complaint } => f.write_str(complaint),
        }
    }
}
