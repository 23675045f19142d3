//! `GET /lag`: how far the consumers are behind, partition by partition.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use linkrelay_kafka::lag::PartitionLag;
use linkrelay_store::Store;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::parameters::NoParameters;
use crate::error::ApiError;
use crate::state::AppState;

/// How long the names of the owners may take; without them the broker's names are shown.
const OWNERS_LIMIT: Duration = Duration::from_secs(1);

/// How far the consumers are behind.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LagAnswer {
    /// The topic of links.
    topic: String,
    /// The group of the consumers.
    group: String,
    /// When the broker was asked.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// The offsets that the group has to read; null if those of one partition are not known.
    #[schema(required)]
    lag: Option<i64>,
    /// All partitions, by number.
    partitions: Vec<PartitionEntry>,
}

/// One partition; null is not known.
#[derive(Debug, Serialize, ToSchema)]
struct PartitionEntry {
    /// Its number.
    partition: i32,
    /// The next offset that the group has not completed.
    #[schema(required)]
    committed: Option<i64>,
    /// The offset after the last record.
    #[schema(required)]
    end: Option<i64>,
    /// The offsets that the group has to read.
    #[schema(required)]
    lag: Option<i64>,
    /// The consumer that has it.
    #[schema(required)]
    owner: Option<String>,
    /// Why something of it is not known.
    #[schema(required)]
    error: Option<String>,
}

/// How far the consumers are behind, partition by partition.
///
/// The broker is asked at most every two seconds for all clients. A partition that cannot be read
/// has an `error`, and the others are there nevertheless.
#[utoipa::path(
    get,
    path = "/lag",
    tag = "Health",
    responses(
        (status = 200, description = "The lag of each partition.", body = LagAnswer),
        (status = 400, description = "`bad_query`: a parameter is not known."),
        (status = 503, description = "`lag_unavailable`: the broker does not say which partitions \
            there are."),
    )
)]
pub(super) async fn lag(
    State(app): State<Arc<AppState>>,
    _: NoParameters,
) -> Result<Json<LagAnswer>, ApiError> {
    let read = timeout(app.store_timeout, app.lag.get());
    let (read, mut owners) = tokio::join!(read, owners(app.store.as_ref()));
    let lag = read.ok().flatten().ok_or(ApiError::LagTimeout)??;
    let partitions = lag.partitions.iter().map(|known| {
        let PartitionLag { partition, committed, end, lag, owner, error } = known.clone();
        let owner = owners.remove(&partition).or(owner);
        PartitionEntry { partition, committed, end, lag, owner, error }
    });
    Ok(Json(LagAnswer {
        topic: lag.topic.clone(),
        group: lag.group.clone(),
        as_of: lag.as_of,
        lag: lag.total(),
        partitions: partitions.collect(),
    }))
}

/// Returns the consumer that has each partition, as of its last heartbeat. One with two owners is in
/// a rebalance: then only the broker knows.
async fn owners(store: &dyn Store) -> BTreeMap<i32, String> {
    let seen = match timeout(OWNERS_LIMIT, store.processes()).await {
        Ok(Ok(seen)) => seen,
        _ => Vec::new(),
    };
    let mut owners: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for process in seen.iter().filter(|seen| !seen.is_gone()) {
        for partition in process.row.figures.partitions.iter().flatten() {
            owners.entry(*partition).or_default().push(process.row.identity.instance.clone());
        }
    }
    let only = |(partition, mut names): (i32, Vec<String>)| {
        (names.len() == 1).then(|| names.pop()).flatten().map(|name| (partition, name))
    };
    owners.into_iter().filter_map(only).collect()
}
