//! The tables, and the migrations of an older file; `PRAGMA user_version` is a file's version.

use std::collections::BTreeSet;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::connection::BUSY_TIMEOUT;
use crate::error::StoreError;

/// Each brings a file to the next version. Never change one that was released: add another.
const MIGRATIONS: [&str; 12] = [
    // The columns are what queries need; `document` is the complete document, as JSON. The index
    // by request answers a status without reading the table. `journal_total` is one row, which
    // every change of the journal updates, so that each process reads the size immediately.
    "CREATE TABLE document (
        id TEXT PRIMARY KEY NOT NULL,
        request_id TEXT,
        idx INTEGER NOT NULL,
        status TEXT NOT NULL,
        video_id TEXT,
        channel_id TEXT,
        title TEXT,
        link TEXT NOT NULL,
        error TEXT,
        stored_at INTEGER NOT NULL,
        document TEXT NOT NULL
    ) STRICT;
    CREATE INDEX document_by_request ON document (request_id, idx, status)
        WHERE request_id IS NOT NULL;
    CREATE TABLE journal (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        key BLOB NOT NULL,
        value BLOB NOT NULL,
        headers BLOB NOT NULL,
        bytes INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE journal_total (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        entries INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    ) STRICT;
    INSERT INTO journal_total VALUES (1, 0, 0);",
    // An entry counts for as many entries as it may be expanded into; `bytes` already does.
    "ALTER TABLE journal ADD COLUMN entries INTEGER NOT NULL DEFAULT 1;",
    "CREATE TABLE dead_letter (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL,
        key BLOB,
        value BLOB NOT NULL,
        headers BLOB NOT NULL,
        written_at INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'marked', 'done'))
    ) STRICT;
    CREATE INDEX dead_letter_by_id ON dead_letter (id);
    CREATE INDEX dead_letter_marked ON dead_letter (position) WHERE state = 'marked';",
    // The metadata itself is in the document `newest_id`; the columns are what queries need.
    "CREATE TABLE video (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        video_id TEXT NOT NULL UNIQUE,
        first_seen INTEGER NOT NULL,
        last_seen INTEGER NOT NULL,
        newest_at INTEGER,
        newest_id TEXT,
        title TEXT,
        channel_id TEXT,
        category TEXT,
        availability TEXT,
        published INTEGER,
        length_seconds INTEGER,
        failed_at INTEGER,
        failure TEXT
    ) STRICT;
    CREATE INDEX video_by_channel ON video (channel_id) WHERE channel_id IS NOT NULL;
    CREATE INDEX video_by_published ON video (published) WHERE published IS NOT NULL;
    CREATE INDEX document_of_video ON document (video_id, stored_at) WHERE video_id IS NOT NULL;",
    "CREATE INDEX dead_letter_by_time ON dead_letter (written_at);",
    // REUSE_WITHIN made it; the rows of videos answer instead.
    "DROP INDEX IF EXISTS document_by_video;",
    // The primary key is behind each entry of the index, which so is in the order of pages.
    "CREATE TABLE request (
        id TEXT PRIMARY KEY NOT NULL,
        accepted_at INTEGER NOT NULL,
        path TEXT NOT NULL,
        has_key INTEGER NOT NULL,
        links TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX request_by_time ON request (accepted_at);",
    "CREATE TABLE process (
        id TEXT PRIMARY KEY NOT NULL,
        beat_at INTEGER NOT NULL,
        row TEXT NOT NULL
    ) STRICT;",
    "CREATE TABLE job (
        id TEXT PRIMARY KEY NOT NULL,
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        arguments TEXT NOT NULL,
        progress TEXT NOT NULL,
        error TEXT,
        begun_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX job_running ON job (kind) WHERE state = 'running';",
    // The grams of each video's title and description, by its sequence; every ASCII character may
    // be part of one. `search_backlog` has one row while there are older videos to index.
    r##"CREATE VIRTUAL TABLE video_grams USING fts5(grams, content='', contentless_delete=1,
        detail=none,
        tokenize='ascii tokenchars ''!"#$%&''''()*+,-./:;<=>?@[\]^_`{|}~''');
    CREATE TABLE search_backlog (
        first INTEGER PRIMARY KEY,
        last INTEGER NOT NULL
    ) STRICT;
    INSERT INTO search_backlog SELECT 1, last FROM (SELECT max(sequence) AS last FROM video)
        WHERE last IS NOT NULL;"##,
    // What the statistics count: documents without a request are few, and in no other index.
    "ALTER TABLE video ADD COLUMN source TEXT;
    CREATE INDEX document_without_request ON document (status) WHERE request_id IS NULL;",
    // How far the file has been moved to a database or a cluster, and whether it takes links no
    // longer.
    "CREATE TABLE move (
        target TEXT NOT NULL,
        part TEXT NOT NULL,
        after TEXT NOT NULL,
        in_flight TEXT,
        PRIMARY KEY (target, part)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE closed (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        target TEXT NOT NULL,
        completed_at INTEGER
    ) STRICT;",
];

/// How long to wait for another process that migrates the file.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(300);

/// The version of a file with all migrations.
const VERSION: i64 = MIGRATIONS.len().cast_signed() as i64;

/// Brings the file to this program's version; does nothing if it has it already.
///
/// # Errors
/// Fails if a newer program made the file, or the file is not one of linkrelay's.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    if version(connection)? == VERSION {
        return Ok(());
    }
    // Another process may be at it, which takes long for a large file.
    connection.busy_timeout(MIGRATION_TIMEOUT)?;
    let migrated = migrate_locked(connection);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    migrated
}

fn migrate_locked(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again under the lock, because another process may have been faster.
    let from = version(&transaction)?;
    let steps = usize::try_from(from).ok().and_then(|from| MIGRATIONS.get(from..));
    let steps = steps.ok_or_else(|| newer(from))?;
    if from > 0 && !steps.is_empty() {
        tracing::info!(
            from,
            to = VERSION,
            "the SQLite file is brought from schema version {from} to {VERSION}, which takes some \
             seconds for a million documents"
        );
    }
    for step in steps {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

/// Returns the tables that a file of this version has, without those that SQLite makes by itself.
///
/// # Errors
/// Fails if this program does not know the version.
pub(super) fn tables_of(version: i64) -> Result<BTreeSet<String>, StoreError> {
    let steps = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(..version));
    let connection = Connection::open_in_memory()?;
    for step in steps.ok_or_else(|| newer(version))? {
        connection.execute_batch(step)?;
    }
    Ok(tables(&connection)?)
}

/// Returns the tables of a file, without those that SQLite makes by itself.
pub(super) fn tables(connection: &Connection) -> rusqlite::Result<BTreeSet<String>> {
    // A shadow table belongs to a virtual one.
    let tables = "SELECT name FROM pragma_table_list
        WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite_%'";
    connection.prepare(tables)?.query_map([], |row| row.get(0))?.collect()
}

/// The error of a file that this program is too old for.
fn newer(version: i64) -> StoreError {
    StoreError::Refused(format!(
        "the SQLite file has schema version {version}, this program knows {VERSION}: it was \
         made by a newer one"
    ))
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_brought_up_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        assert_eq!(version(&connection).unwrap(), VERSION);
    }

    #[test]
    fn the_docs_name_the_version() {
        assert_eq!(crate::documented_versions()[0], VERSION);
    }

    #[test]
    fn a_newer_file_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = migrate(&mut connection).unwrap_err().to_string();
        assert!(error.contains("99"), "{error}");
        assert_eq!(version(&connection).unwrap(), 99);
    }
}
