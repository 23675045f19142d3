//! The jobs in a SQLite file, as a [`JobStore`].

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::store::SqliteStore;
use crate::error::StoreError;
use crate::jobs::{Job, JobBegin, JobState, JobStore};

const COLUMNS: &str = "id, kind, state, arguments, progress, error, begun_at, updated_at";

#[async_trait]
impl JobStore for SqliteStore {
    async fn begin_job(&self, job: &Job, alive_since: Timestamp) -> Result<JobBegin, StoreError> {
        let job = job.clone();
        self.writer.run(move |connection| begin(connection, &job, alive_since)).await
    }

    async fn update_job(&self, job: &Job) -> Result<bool, StoreError> {
        let job = job.clone();
        self.writer.run(move |connection| update(connection, &job)).await
    }

    async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let id = id.to_owned();
        let one = format!("SELECT {COLUMNS} FROM job WHERE id = ?1");
        let read = move |connection: &Connection| {
            connection.prepare_cached(&one)?.query_row(params![id], job_of_row).optional()
        };
        self.readers.run(read).await
    }

    async fn jobs(
        &self,
        kind: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Job>, StoreError> {
        let (kind, before) = (kind.to_owned(), before.map(str::to_owned));
        let page = format!(
            "SELECT {COLUMNS} FROM job WHERE kind = ?1 AND (?2 IS NULL OR id < ?2)
             ORDER BY id DESC LIMIT ?3"
        );
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(&page)?;
            statement.query_map(params![kind, before, limit], job_of_row)?.collect()
        };
        self.readers.run(read).await
    }

    async fn remove_jobs(&self, updated_before: Timestamp) -> Result<u64, StoreError> {
        let before_ms = updated_before.as_millisecond();
        let remove = move |connection: &Connection| {
            connection
                .prepare_cached("DELETE FROM job WHERE updated_at < ?1")?
                .execute(params![before_ms])
        };
        Ok(self.writer.run(remove).await? as u64)
    }
}

/// The transaction holds the lock for writing, so no other process begins a job meanwhile.
fn begin(connection: &Connection, job: &Job, alive_since: Timestamp) -> rusqlite::Result<JobBegin> {
    let alive_ms = alive_since.as_millisecond();
    let running = format!(
        "SELECT {COLUMNS} FROM job WHERE kind = ?1 AND state = 'running' AND updated_at >= ?2"
    );
    let running = connection
        .prepare_cached(&running)?
        .query_row(params![job.kind, alive_ms], job_of_row)
        .optional()?;
    if let Some(running) = running {
        return Ok(JobBegin::Running(running));
    }
    connection
        .prepare_cached(
            "UPDATE job SET state = 'interrupted' WHERE kind = ?1 AND state = 'running'",
        )?
        .execute(params![job.kind])?;
    let insert = format!(
        "INSERT INTO job ({COLUMNS}) VALUES (:id, :kind, :state, :arguments, :progress, :error,
             :begun_at, :updated_at)"
    );
    connection.prepare_cached(&insert)?.execute(named_params! {
        ":id": job.id,
        ":kind": job.kind,
        ":state": job.state.as_str(),
        ":arguments": job.arguments,
        ":progress": job.progress,
        ":error": job.error,
        ":begun_at": job.begun_at.as_millisecond(),
        ":updated_at": job.updated_at.as_millisecond(),
    })?;
    Ok(JobBegin::Begun)
}

fn update(connection: &Connection, job: &Job) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE job SET state = ?2, progress = ?3, error = ?4, updated_at = ?5
             WHERE id = ?1 AND state = 'running'",
        )?
        .execute(params![
            job.id,
            job.state.as_str(),
            job.progress,
            job.error,
            job.updated_at.as_millisecond(),
        ])?;
    Ok(changed == 1)
}

fn job_of_row(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        id: row.get(0)?,
        kind: row.get(1)?,
        state: row
            .get_ref(2)?
            .as_str()?
            .parse::<JobState>()
            .map_err(|error| unreadable(2, error))?,
        arguments: row.get(3)?,
        progress: row.get(4)?,
        error: row.get(5)?,
        begun_at: time(row, 6)?,
        updated_at: time(row, 7)?,
    })
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let milliseconds = row.get(column)?;
    Timestamp::from_millisecond(milliseconds).map_err(|error| unreadable(column, error))
}

fn unreadable(
    column: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}
