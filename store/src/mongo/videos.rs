//! Writes the rows of videos, before the documents that they follow from: so the documents of a
//! link that is complete have always reached its video's row.
//!
//! Most videos are new, so all rows of a batch are inserted, and the unique `_id` refuses those that
//! exist; an upsert of each costs three times as much. These rows are read, and one command updates
//! those that are older than the documents. The filter of an update does not match a register that
//! has something newer by then. Then the titles are added beside the rows, for searches.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use linkrelay_common::VideoId;
use mongodb::Collection;
use mongodb::bson::{self, Document, RawDocumentBuf, doc};

use super::existing_row::{self, ExistingRow};
use super::titles::{Title, Titles};
use super::{codec, failure, insert, update};
use crate::LinkDocument;
use crate::error::StoreError;
use crate::videos::{Failure, Newest, VideoChange, changes};

/// A number's lower bits tell apart the processes that write at the same moment.
const PROCESS_BITS: u32 = 10;

const NOT_SENT: &str = "MongoDB reported an error about a row that was not sent";

/// What changes in a row that exists.
struct RowUpdate {
    video_id: VideoId,
    /// One for each register with something newer. The first also notes when the video was seen.
    statements: Vec<RawDocumentBuf>,
    /// Notes only that, for when the first statement changes nothing.
    seen: Option<RawDocumentBuf>,
}

impl RowUpdate {
    fn statements(&self) -> impl Iterator<Item = (VideoId, &RawDocumentBuf)> {
        self.statements.iter().map(|statement| (self.video_id, statement))
    }
}

/// Writes what the documents change in the rows of their videos. Writing it again changes nothing.
///
/// A row that the server refuses is only logged: the documents do not depend on it.
///
/// # Errors
/// Fails if the outcome of at least one row is unknown.
pub(super) async fn write(
    videos: &Collection<RawDocumentBuf>,
    titles: &Titles,
    documents: &[&LinkDocument],
) -> Result<(), StoreError> {
    let by_id: HashMap<&str, &LinkDocument> =
        documents.iter().map(|document| (document.id.as_str(), *document)).collect();
    let changes = changes(documents.iter().copied());
    let existing = insert_new(videos, &changes, &by_id).await?;
    let ids: Vec<VideoId> = existing.iter().map(|change| change.video_id).collect();
    let had = existing_row::read(videos, &ids).await?;
    let changed = existing.iter().map(|change| updates(change, &by_id, had.get(&change.video_id)));
    run(videos, &changed.collect::<Result<Vec<_>, _>>()?).await?;
    // While a title stays, it need not be added again; if a document of the video is deleted
    // meanwhile, the end of that erasure adds it.
    let is_new = |title: &Title| had.get(&title.video_id).is_none_or(|row| !row.has_title(title));
    let has = changes.iter().filter_map(|change| title(change, &by_id));
    titles.add(has.filter(is_new).collect()).await
}

/// Inserts the rows of videos that have none, and returns the changes of those that have one.
async fn insert_new<'a>(
    videos: &Collection<RawDocumentBuf>,
    changes: &'a [VideoChange],
    by_id: &HashMap<&str, &LinkDocument>,
) -> Result<Vec<&'a VideoChange>, StoreError> {
    // Only the encoded form of all rows is in memory; the fields of one take six times as much.
    let rows = changes.iter().map(|change| row(change, by_id));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let mut existing = Vec::new();
    for error in insert::unordered(videos, &rows.iter().collect::<Vec<_>>()).await? {
        let Some(change) = changes.get(error.index) else {
            return Err(StoreError::Refused(NOT_SENT.to_owned()));
        };
        if error.code == failure::DUPLICATE_KEY {
            existing.push(change);
        } else {
            refused(change.video_id, error.code, &error.message)?;
        }
    }
    Ok(existing)
}

/// Returns what changes in a row that exists, without what would change nothing.
fn updates(
    change: &VideoChange,
    by_id: &HashMap<&str, &LinkDocument>,
    row: Option<&ExistingRow>,
) -> Result<RowUpdate, StoreError> {
    let is_older = |register: &str, fields: &Document| {
        let rank = fields.get_str(register).unwrap_or_default();
        row.is_none_or(|row| !row.has(register, rank))
    };
    let new_times = row.is_none_or(|row| !row.has_seen(change)).then(|| seen(change));
    let mut not_noted = new_times.clone();
    let mut statements = Vec::new();
    for (register, fields) in registers(change, by_id)? {
        if is_older(register, &fields) {
            let filter = not_newer(change, register, &fields);
            let mut update = not_noted.take().unwrap_or_default();
            update.insert("$set", fields);
            statements.push(statement(&filter, &update)?);
        }
    }
    let any = doc! { "_id": change.video_id.as_str() };
    statements.extend(not_noted.map(|times| statement(&any, &times)).transpose()?);
    let seen = new_times.map(|times| statement(&any, &times)).transpose()?;
    Ok(RowUpdate { video_id: change.video_id, statements, seen })
}

/// Returns the title that a change gives to a row, if it gives one.
fn title(change: &VideoChange, by_id: &HashMap<&str, &LinkDocument>) -> Option<Title> {
    let document = by_id.get(change.newest.as_ref()?.document_id.as_str())?;
    Some(Title::new(change.video_id, &document.video.as_ref()?.title))
}

/// Returns the registers that a change has, each with the name of its rank and its fields.
fn registers(
    change: &VideoChange,
    by_id: &HashMap<&str, &LinkDocument>,
) -> Result<Vec<(&'static str, Document)>, StoreError> {
    let mut registers = Vec::new();
    if let Some(newest) = &change.newest
        && let Some(document) = by_id.get(newest.document_id.as_str())
    {
        registers.push(("rank", newest_fields(newest, document)?));
    }
    if let Some(failed) = &change.failure {
        registers.push(("failure_rank", failure_fields(failed)?));
    }
    Ok(registers)
}

/// Returns a new row.
fn row(
    change: &VideoChange,
    by_id: &HashMap<&str, &LinkDocument>,
) -> Result<RawDocumentBuf, StoreError> {
    let mut row = doc! {
        "_id": change.video_id.as_str(),
        "sequence": next_sequence(),
        "first_seen": codec::date(change.seen.first_at),
        "last_seen": codec::date(change.seen.last_at),
        "stored_at": codec::date(change.stored_at),
    };
    row.extend(registers(change, by_id)?.into_iter().flat_map(|(_, fields)| fields));
    RawDocumentBuf::from_document(&row).map_err(not_encoded)
}

/// What to do about a row that was not written: the server is not well, or it refuses this one.
fn refused(video_id: VideoId, code: i32, message: &str) -> Result<(), StoreError> {
    if failure::is_of_the_server(code) {
        return Err(StoreError::Refused(format!("{message} (code {code})")));
    }
    tracing::warn!(
        %video_id, code, reason = message,
        "the store refuses the row of a video: it is not found by searches"
    );
    Ok(())
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

/// Matches the row of a change, unless it has a greater or equal rank in this register.
fn not_newer(change: &VideoChange, rank: &str, set: &Document) -> Document {
    doc! { "_id": change.video_id.as_str(), rank: { "$not": { "$gte": set.get(rank) } } }
}

/// Returns the operators that note when the video was seen.
fn seen(change: &VideoChange) -> Document {
    doc! {
        "$min": { "first_seen": codec::date(change.seen.first_at) },
        "$max": {
            "last_seen": codec::date(change.seen.last_at),
            "stored_at": codec::date(change.stored_at),
        },
    }
}

fn statement(filter: &Document, update: &Document) -> Result<RawDocumentBuf, StoreError> {
    update::statement(filter, &RawDocumentBuf::from_document(update).map_err(not_encoded)?)
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

/// Updates the rows, each with one statement unless it has both a success and a failure.
async fn run(videos: &Collection<RawDocumentBuf>, rows: &[RowUpdate]) -> Result<(), StoreError> {
    if run_all(videos, rows.iter().flat_map(RowUpdate::statements)).await? {
        return Ok(());
    }
    // The server refuses what one sets, or another process has written its row since it was read.
    // The server only counts the others, so when a video was seen is noted for all.
    let seen = rows.iter().filter_map(|row| Some((row.video_id, row.seen.as_ref()?)));
    run_all(videos, seen).await.map(drop)
}

/// Runs the statements, each of a video, and returns whether all of them found a row to update.
async fn run_all<'a>(
    videos: &Collection<RawDocumentBuf>,
    statements: impl Iterator<Item = (VideoId, &'a RawDocumentBuf)>,
) -> Result<bool, StoreError> {
    let (video_ids, statements): (Vec<_>, Vec<_>) = statements.unzip();
    let updated = update::unordered(videos, &statements).await?;
    for error in updated.errors {
        refused(video_ids[error.index], error.code, &error.message)?;
    }
    Ok(updated.matched == statements.len())
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
