//! Documents a second with the index of a search, without it, and of a bare insert.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use linkrelay_store::{LinkDocument, SqliteStore};
use rusqlite::{Connection, params};
use serde_json::json;

use super::SEED;
use crate::bench::settings::BenchSettings;
use crate::machine::LoadMeter;
use crate::many_videos;
use crate::measurement::{Measurement, Round, Target};
use crate::store::write_all;

const DOCUMENTS: usize = 50_000;
/// What four batches in flight share.
const TRANSACTION_DOCUMENTS: usize = 2_000;

/// Accepts the store's writes to the index, and keeps nothing.
const NO_INDEX: &str = "DROP TABLE video_grams;
    CREATE VIEW video_grams AS SELECT 0 AS rowid, '' AS grams;
    CREATE TRIGGER no_grams INSTEAD OF INSERT ON video_grams BEGIN SELECT 1; END;";

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    let count = settings.scaled(DOCUMENTS);
    let documents: Vec<LinkDocument> = many_videos::documents(SEED).take(count).collect();
    let round = async |_| {
        let meter = LoadMeter::start()?;
        let ours = store(&documents, "").await?;
        let load = meter.load()?;
        let without_index = store(&documents, NO_INDEX).await?;
        let details =
            json!({ "without_index": without_index, "ratio_to_it": ours / without_index });
        Ok(Round { ours, baseline: Some(bare(&documents)?), load, details })
    };
    settings.report(&Measurement {
        benchmark: "search",
        case: "writes".to_owned(),
        unit: "documents/s",
        baseline_is: "bare inserts of encoded documents, without indexes for reads",
        target: Some(Target::Ratio(0.7)),
        rounds: settings.rounds(round).await?,
    })
}

async fn store(documents: &[LinkDocument], change: &str) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("linkrelay.sqlite");
    SqliteStore::open(&file)?.close().await;
    Connection::open(&file)?.execute_batch(change)?;
    let store = Arc::new(SqliteStore::open(&file)?);
    let rate = write_all(Arc::clone(&store) as _, documents).await?;
    store.close().await;
    Ok(rate)
}

fn bare(documents: &[LinkDocument]) -> Result<f64> {
    let encoded: Vec<(&LinkDocument, String)> = documents
        .iter()
        .map(|document| Ok((document, serde_json::to_string(document)?)))
        .collect::<Result<_>>()?;
    let folder = tempfile::tempdir()?;
    let mut connection = Connection::open(folder.path().join("bare.sqlite"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(
        "CREATE TABLE document (id TEXT PRIMARY KEY NOT NULL, document TEXT NOT NULL) STRICT",
    )?;
    let begun = Instant::now();
    for documents in encoded.chunks(TRANSACTION_DOCUMENTS) {
        let transaction = connection.transaction()?;
        for (document, text) in documents {
            transaction
                .prepare_cached("INSERT INTO document VALUES (?1, ?2)")?
                .execute(params![document.id.as_str(), text])?;
        }
        transaction.commit()?;
    }
    Ok(documents.len() as f64 / begun.elapsed().as_secs_f64())
}

/// Says how many bytes the index has for each video.
pub(crate) fn index_size(file: &Path) -> Result<String> {
    let connection = Connection::open(file)?;
    let one = |query: &str| connection.query_row(query, [], |row| row.get::<_, i64>(0));
    let videos = one("SELECT count(*) FROM video WHERE newest_id IS NOT NULL")?;
    // The table `data` has the segments; the others are a few bytes a video.
    let blocks = one("SELECT sum(length(block)) FROM video_grams_data")?;
    let sizes = one("SELECT sum(length(sz)) + 8 * count(*) FROM video_grams_docsize")?;
    let bytes = blocks + sizes;
    Ok(format!("the index has {} bytes a video, {} MiB\n", bytes / videos.max(1), bytes >> 20))
}
