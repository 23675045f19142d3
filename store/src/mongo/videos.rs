//! Writes the rows of videos, before the documents that they follow from: so the documents of a
//! link that is complete have always reached its video's row.
//!
//! One command updates all rows of a batch. A row is replaced only by something newer: the filter
//! of an update does not match a newer row, so the update tries to insert a second one, which the
//! unique `_id` refuses. That refusal means that the store knows something newer already.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use linkrelay_common::VideoId;
use mongodb::Collection;
use mongodb::bson::{self, Document, RawDocumentBuf, doc, rawdoc};
use serde::Deserialize;

use super::{codec, failure};
use crate::LinkDocument;
use crate::error::StoreError;
use crate::videos::{Failure, Newest, VideoChange, changes};

/// How many bytes of updates one command has; a server accepts 48,000,000.
const BYTES_PER_COMMAND: usize = 16_000_000;
/// A number's lower bits tell apart the processes that write at the same moment.
const PROCESS_BITS: u32 = 10;

/// The updates of one register of a row each.
struct Update {
    video_id: VideoId,
    statement: RawDocumentBuf,
}

/// What the server answers to an `update` command.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Updated {
    #[serde(default)]
    write_errors: Vec<UpdateError>,
    write_concern_error: Option<mongodb::error::WriteConcernError>,
}

#[derive(Debug, Deserialize)]
struct UpdateError {
    index: usize,
    code: i32,
    #[serde(default, rename = "errmsg")]
    message: String,
}

/// Writes what the documents change in the rows of their videos. Writing it again changes nothing.
///
/// A row that the server refuses is only logged: the documents do not depend on it.
///
/// # Errors
/// Fails if the outcome of at least one row is unknown.
pub(super) async fn write<'a>(
    videos: &Collection<RawDocumentBuf>,
    documents: impl Iterator<Item = &'a LinkDocument> + Clone,
) -> Result<(), StoreError> {
    let changes = changes(documents.clone());
    let by_id: HashMap<&str, &LinkDocument> =
        documents.map(|document| (document.id.as_str(), document)).collect();
    let mut updates = Vec::with_capacity(changes.len());
    for change in &changes {
        updates.extend(statements(change, &by_id, true)?);
    }
    let known = run(videos, &updates).await?;
    if known.is_empty() {
        return Ok(());
    }
    // What is newer may have come at the same moment as this row was to be inserted, and be older
    // than this: so the guarded updates are repeated, without the right to insert.
    let mut again = Vec::new();
    for change in changes.iter().filter(|change| known.contains(&change.video_id)) {
        again.extend(statements(change, &by_id, false)?);
        again.push(seen_only(change)?);
    }
    run(videos, &again).await.map(drop)
}

/// Returns the statements for what a change says.
fn statements(
    change: &VideoChange,
    by_id: &HashMap<&str, &LinkDocument>,
    may_insert: bool,
) -> Result<Vec<Update>, StoreError> {
    let mut updates = Vec::new();
    if let Some(newest) = &change.newest {
        let document = by_id.get(newest.document_id.as_str());
        if let Some(document) = document {
            updates.push(update(change, "rank", newest_fields(newest, document)?, may_insert)?);
        }
    }
    if let Some(failed) = &change.failure {
        updates.push(update(change, "failure_rank", failure_fields(failed)?, may_insert)?);
    }
    if updates.is_empty() && may_insert {
        updates.push(insert_only(change)?);
    }
    Ok(updates)
}

/// Returns the fields of a row that keep this metadata.
pub(super) fn newest_fields(
    newest: &Newest,
    document: &LinkDocument,
) -> Result<Document, StoreError> {
    let video = document.video.as_ref().map(codec::video).transpose().map_err(not_encoded)?;
    let rank = rank(newest.extracted_at, newest.document_id.as_str());
    Ok(doc! { "rank": rank, "newest": {
        "document_id": newest.document_id.as_str(),
        "extracted_at": newest.extracted_at.map(codec::date),
        "source": &document.source,
        "video": video,
    } })
}

/// Returns the fields of a row that keep this failure.
pub(super) fn failure_fields(failed: &Failure) -> Result<Document, StoreError> {
    let rank = rank(Some(failed.0.failed_at), failed.0.document_id.as_str());
    let mut fields = bson::to_document(&failed.0).map_err(not_encoded)?;
    fields.insert("failed_at", codec::date(failed.0.failed_at));
    Ok(doc! { "failure_rank": rank, "failure": fields })
}

/// Returns the statement that sets a register, unless the row has a greater or equal rank in it.
fn update(
    change: &VideoChange,
    rank: &str,
    set: Document,
    may_insert: bool,
) -> Result<Update, StoreError> {
    let not_newer = doc! { "$not": { "$gte": set.get(rank) } };
    let filter = doc! { "_id": change.video_id.as_str(), rank: not_newer };
    statement(change, filter, Some(set), may_insert)
}

/// Returns the statement that notes when the video was seen, and needs the row.
fn seen_only(change: &VideoChange) -> Result<Update, StoreError> {
    statement(change, doc! { "_id": change.video_id.as_str() }, None, false)
}

/// Returns the statement for a document that has neither metadata nor an error.
fn insert_only(change: &VideoChange) -> Result<Update, StoreError> {
    statement(change, doc! { "_id": change.video_id.as_str() }, None, true)
}

fn statement(
    change: &VideoChange,
    filter: Document,
    set: Option<Document>,
    may_insert: bool,
) -> Result<Update, StoreError> {
    let mut update = doc! {
        "$min": { "first_seen": codec::date(change.seen.first_at) },
        "$max": {
            "last_seen": codec::date(change.seen.last_at),
            "stored_at": codec::date(change.stored_at),
        },
    };
    if let Some(set) = set {
        update.insert("$set", set);
    }
    if may_insert {
        update.insert("$setOnInsert", doc! { "sequence": next_sequence() });
    }
    let statement = doc! { "q": filter, "u": update, "upsert": may_insert };
    let statement = RawDocumentBuf::from_document(&statement).map_err(not_encoded)?;
    Ok(Update { video_id: change.video_id, statement })
}

fn not_encoded(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable(format!("the row of a video: {error}"))
}

/// Returns a text that is greater than another if its time is, or of equal times its id.
fn rank(time: Option<Timestamp>, document_id: &str) -> String {
    let millis = time.map_or(i64::MIN, |time| time.as_millisecond());
    // The greatest bit is turned over, so that times before 1970 come first.
    format!("{:020}:{document_id}", millis.cast_unsigned() ^ (1 << 63))
}

/// Returns the number of a new row: greater than all others of this process, and of the time, so
/// that those of all processes are in the order in which videos were first seen.
fn next_sequence() -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    static PROCESS: LazyLock<i64> = LazyLock::new(|| {
        let random = RandomState::new().hash_one(std::process::id()).cast_signed();
        random & ((1 << PROCESS_BITS) - 1)
    });
    let now = Timestamp::now().as_microsecond();
    let mut last = LAST.load(Ordering::Relaxed);
    loop {
        let next = now.max(last + 1);
        match LAST.compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return (next << PROCESS_BITS) | *PROCESS,
            Err(other) => last = other,
        }
    }
}

/// Runs the statements, and returns the videos of which the store knows something newer.
async fn run(
    videos: &Collection<RawDocumentBuf>,
    updates: &[Update],
) -> Result<Vec<VideoId>, StoreError> {
    let mut known = Vec::new();
    let mut left = updates;
    while !left.is_empty() {
        let mut bytes = 0;
        let fits = left.iter().take_while(|update| {
            bytes += update.statement.as_bytes().len();
            bytes <= BYTES_PER_COMMAND
        });
        // One that is too large on its own is refused by the server.
        let (now, later) = left.split_at(fits.count().max(1));
        left = later;
        for error in run_command(videos, now).await? {
            let Some(update) = now.get(error.index) else {
                let problem = "MongoDB reported an error about an update that was not sent";
                return Err(StoreError::Refused(problem.to_owned()));
            };
            match error.code {
                failure::DUPLICATE_KEY => known.push(update.video_id),
                code if failure::is_of_the_server(code) => {
                    return Err(StoreError::Refused(format!("{} (code {code})", error.message)));
                }
                code => tracing::warn!(
                    video_id = %update.video_id, code, reason = error.message,
                    "the store refuses the row of a video: it is not found by searches"
                ),
            }
        }
    }
    Ok(known)
}

async fn run_command(
    videos: &Collection<RawDocumentBuf>,
    updates: &[Update],
) -> Result<Vec<UpdateError>, StoreError> {
    let mut command = rawdoc! { "update": videos.name(), "ordered": false };
    let statements = updates.iter().map(|update| update.statement.clone());
    command.append("updates", bson::RawArrayBuf::from_iter(statements));
    if let Some(concern) = videos.write_concern() {
        let concern = bson::to_raw_document_buf(concern).map_err(not_encoded)?;
        command.append("writeConcern", concern);
    }
    let database = videos.client().database(&videos.namespace().db);
    let answer = database.run_raw_command(command).await?;
    let Updated { write_errors, write_concern_error } =
        bson::from_document(answer).map_err(not_encoded)?;
    write_concern_error.map_or(Ok(write_errors), |error| Err(failure::not_acknowledged(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_is_ordered_by_time_then_by_document() {
        let at = |millis| Timestamp::from_millisecond(millis).ok();
        let ranks = [
            rank(None, "z"),
            rank(at(-2), "z"),
            rank(at(-1), "a"),
            rank(at(0), "a"),
            rank(at(9), "a"),
            rank(at(9), "b"),
            rank(at(1_764_000_000_000), "a"),
        ];
        assert!(ranks.is_sorted_by(|a, b| a < b), "{ranks:#?}");
    }

    #[test]
    fn numbers_of_rows_grow() {
        let numbers: Vec<_> = (0..1_000).map(|_| next_sequence()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b));
        assert!(numbers[0] > 0);
    }
}
