//! The statements about videos with old metadata.

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, ToSql, named_params};

use crate::stale::{StaleVideo, StaleVideos};

/// The times of each document are computed first, so that no complete document is sorted.
const STALE: &str = "WITH times AS MATERIALIZED (
        SELECT video_id,
            CASE status WHEN 'stored' THEN CAST(round(
                1000 * unixepoch(json_extract(document, '$.extracted_at'), 'subsec')
            ) AS INTEGER) END AS extracted_ms,
            CASE WHEN status = 'failed' AND json_extract(error, '$.class') = 'permanent'
                THEN stored_at END AS failed_ms
        FROM document WHERE video_id IS NOT NULL
    ), video AS (
        SELECT video_id, max(extracted_ms) AS extracted_ms, max(failed_ms) AS failed_ms
        FROM times GROUP BY video_id
    ), stale AS (
        SELECT video_id, extracted_ms FROM video
        WHERE extracted_ms < :before_ms
            AND (failed_ms IS NULL
                OR failed_ms < CASE WHEN :with_failed THEN :before_ms ELSE extracted_ms + 1 END)
            AND (extracted_ms, video_id) > (:after_ms, :after_id)
    )";

pub(super) fn stale_videos(
    connection: &Connection,
    stale: &StaleVideos,
    limit: u32,
) -> rusqlite::Result<Vec<StaleVideo>> {
    let query = format!(
        "{STALE} SELECT video_id, extracted_ms FROM stale
        ORDER BY extracted_ms, video_id LIMIT {limit}"
    );
    with_parameters(stale, |parameters| {
        connection.prepare(&query)?.query_map(parameters, stale_video)?.collect()
    })
}

pub(super) fn count_stale_videos(
    connection: &Connection,
    stale: &StaleVideos,
) -> rusqlite::Result<u64> {
    let query = format!("{STALE} SELECT count(*) FROM stale");
    with_parameters(stale, |parameters| {
        connection.query_row(&query, parameters, |row| {
            let count: i64 = row.get(0)?;
            Ok(count.unsigned_abs())
        })
    })
}

fn with_parameters<T>(
    stale: &StaleVideos,
    run: impl FnOnce(&[(&str, &dyn ToSql)]) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let (after_ms, after_id) = match &stale.after {
        Some(after) => (after.extracted_at.as_millisecond(), after.video_id.as_str()),
        None => (i64::MIN, ""),
    };
    run(named_params! {
        ":before_ms": stale.extracted_before.as_millisecond(),
        ":with_failed": stale.with_failed,
        ":after_ms": after_ms,
        ":after_id": after_id,
    })
}

fn stale_video(row: &Row<'_>) -> rusqlite::Result<StaleVideo> {
    let extracted_at = Timestamp::from_millisecond(row.get(1)?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(1, Type::Integer, Box::new(error))
    })?;
    Ok(StaleVideo { extracted_at, video_id: row.get(0)? })
}
