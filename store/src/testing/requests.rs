//! The requests of the store in memory.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use linkrelay_common::RequestId;

use super::{FaultyStore, Method};
use crate::requests::{RequestCursor, RequestRow, RequestStore, RequestTally};
use crate::{LinkDocument, LinkState, StoreError};

#[async_trait]
impl RequestStore for FaultyStore {
    async fn add_requests(&self, rows: &[RequestRow]) -> Result<(), StoreError> {
        self.call(Method::AddRequests, rows.len()).await?;
        let is_deleted = |row: &&RequestRow| {
            let of_request = |document: &LinkDocument| document.request_id == Some(row.id);
            let is_deleted = |document: &LinkDocument| document.status == LinkState::Deleted;
            self.documents().iter().any(|document| of_request(document) && is_deleted(document))
        };
        let mut all = self.rows_of_requests();
        for row in rows.iter().filter(|row| !is_deleted(row)) {
            all.entry(row.id.to_string()).or_insert_with(|| row.clone());
        }
        Ok(())
    }

    async fn requests(
        &self,
        after: Option<RequestCursor>,
        limit: u32,
    ) -> Result<Vec<RequestRow>, StoreError> {
        self.call(Method::Requests, 0).await?;
        let key = |cursor: RequestCursor| (cursor.accepted_ms, cursor.id.to_string());
        let mut rows: Vec<_> = self.rows_of_requests().values().cloned().collect();
        rows.retain(|row| after.is_none_or(|after| key(row.cursor()) < key(after)));
        rows.sort_by_key(|row| std::cmp::Reverse(key(row.cursor())));
        rows.truncate(limit as usize);
        Ok(rows)
    }

    async fn tallies(
        &self,
        ids: &[RequestId],
    ) -> Result<HashMap<RequestId, RequestTally>, StoreError> {
        self.call(Method::Tallies, ids.len()).await?;
        let mut tallies: HashMap<RequestId, RequestTally> = HashMap::new();
        let ids: HashSet<&RequestId> = ids.iter().collect();
        for document in self.documents() {
            let Some(id) = document.request_id.filter(|id| ids.contains(id)) else { continue };
            let tally = tallies.entry(id).or_default();
            tally.counts.add(document.status, 1);
            tally.list_videos += document.expansion.map_or(0, |expansion| expansion.videos_count);
        }
        Ok(tallies)
    }
}
