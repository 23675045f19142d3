//! Counts documents and videos, window by window, so that no transaction is long: the write-ahead
//! log can be emptied only up to the oldest one.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::codec;
use super::readers::ReaderPool;
use super::store::SqliteStore;
use crate::LinkState;
use crate::error::StoreError;
use crate::stats::{ChannelStats, StatsStore, StoreStats, VideoKind, VideoStats, keep_top};

/// The rows of a window: some tens of milliseconds.
const WINDOW_ROWS: u32 = 50_000;

#[async_trait]
impl StatsStore for SqliteStore {
    async fn stats(&self) -> Result<StoreStats, StoreError> {
        let documents = count_all(&self.readers, documents).await?;
        let videos = count_all(&self.readers, videos).await?;
        let top_channels = count_all(&self.readers, channels).await?;
        Ok(StoreStats { documents, videos, top_channels })
    }
}

/// Counts the window behind a key, the default being the first; returns its last key, if it is not
/// the last window.
type Count<T, K> = fn(&Connection, &mut T, K) -> rusqlite::Result<Option<K>>;

async fn count_all<T, K>(readers: &ReaderPool, count: Count<T, K>) -> Result<T, StoreError>
where
    T: Default + Send + 'static,
    K: Default + Send + 'static,
{
    let (mut counted, mut next) = (T::default(), Some(K::default()));
    while let Some(after) = next {
        let window = move |connection: &Connection| {
            let next = count(connection, &mut counted, after)?;
            Ok((counted, next))
        };
        (counted, next) = readers.run(window).await?;
    }
    Ok(counted)
}

/// Reads the index by request, and the one of the documents without a request.
const DOCUMENTS: &str = "SELECT request_id, idx, status FROM document
    WHERE request_id IS NOT NULL AND (request_id, idx) > (?1, ?2)
    ORDER BY request_id, idx LIMIT ?3";
const DOCUMENTS_WITHOUT_REQUEST: &str =
    "SELECT status, count(*) FROM document WHERE request_id IS NULL GROUP BY status";

fn documents(
    connection: &Connection,
    counts: &mut BTreeMap<LinkState, u64>,
    (request_id, index): (String, i64),
) -> rusqlite::Result<Option<(String, i64)>> {
    let mut statement = connection.prepare_cached(DOCUMENTS)?;
    let mut rows = statement.query(params![request_id, index, WINDOW_ROWS])?;
    let (mut left, mut last) = (WINDOW_ROWS, None);
    while let Some(row) = rows.next()? {
        *counts.entry(codec::state(2, row.get_ref(2)?.as_str()?)?).or_default() += 1;
        left -= 1;
        if left == 0 {
            last = Some((row.get(0)?, row.get(1)?));
        }
    }
    if last.is_none() {
        let mut statement = connection.prepare_cached(DOCUMENTS_WITHOUT_REQUEST)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let count: i64 = row.get(1)?;
            let state = codec::state(0, row.get_ref(0)?.as_str()?)?;
            *counts.entry(state).or_default() += count.cast_unsigned();
        }
    }
    Ok(last)
}

const VIDEOS: &str = "SELECT sequence, first_seen, last_seen, newest_id IS NOT NULL, availability,
        source, CASE WHEN newest_id IS NULL THEN failure ->> '$.error.class' END
    FROM video WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";

fn videos(
    connection: &Connection,
    stats: &mut VideoStats,
    after: i64,
) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached(VIDEOS)?;
    let mut rows = statement.query(params![after, WINDOW_ROWS])?;
    let (mut left, mut last) = (WINDOW_ROWS, None);
    let mut seen: Option<(i64, i64)> = None;
    while let Some(row) = rows.next()? {
        let (first_ms, last_ms) = (row.get(1)?, row.get(2)?);
        let (first, latest) = seen.unwrap_or((first_ms, last_ms));
        seen = Some((first.min(first_ms), latest.max(last_ms)));
        stats.add(kind(row)?, 1);
        left -= 1;
        if left == 0 {
            last = Some(row.get(0)?);
        }
    }
    if let Some((first_ms, last_ms)) = seen {
        let time = |millis| {
            Timestamp::from_millisecond(millis).map_err(|error| codec::unreadable(1, error))
        };
        stats.see(time(first_ms)?, time(last_ms)?);
    }
    Ok(last)
}

fn kind<'a>(row: &'a Row<'_>) -> rusqlite::Result<VideoKind<'a>> {
    Ok(VideoKind {
        is_stored: row.get(3)?,
        availability: row.get_ref(4)?.as_str_or_null()?,
        source: row.get_ref(5)?.as_str_or_null()?,
        error_class: row.get_ref(6)?.as_str_or_null()?,
    })
}

/// The channels of a window; one of them may have any number of videos.
const WINDOW_CHANNELS: u32 = 5_000;
const CHANNELS: &str = "SELECT channel_id, count(*) FROM video WHERE channel_id > ?1
    GROUP BY channel_id ORDER BY channel_id LIMIT ?2";

fn channels(
    connection: &Connection,
    top: &mut Vec<ChannelStats>,
    after: String,
) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare_cached(CHANNELS)?;
    let found = statement.query_map(params![after, WINDOW_CHANNELS], |row| {
        let videos: i64 = row.get(1)?;
        Ok(ChannelStats { channel_id: row.get(0)?, videos: videos.cast_unsigned() })
    })?;
    let found: Vec<ChannelStats> = found.collect::<rusqlite::Result<_>>()?;
    let is_full = found.len() == WINDOW_CHANNELS as usize;
    let last = found.last().filter(|_| is_full).map(|channel| channel.channel_id.clone());
    keep_top(top, found);
    Ok(last)
}
