//! A store in memory that can be taken down.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use linkrelay_common::{DocumentId, RequestId};
use linkrelay_store::{
    ExpandedRange, LinkDocument, LinkState, LinkStatus, LinkStore, RequestCounts, StoreError,
    WriteOutcome,
};

#[derive(Debug, Default)]
pub(crate) struct FakeStore {
    links: Mutex<Vec<(RequestId, LinkStatus)>>,
    pub(crate) is_down: AtomicBool,
    /// Whether it never answers.
    pub(crate) hangs: AtomicBool,
}

impl FakeStore {
    pub(crate) fn add(&self, id: RequestId, link: LinkStatus) {
        self.links.lock().unwrap().push((id, link));
    }

    fn of_request(&self, id: RequestId) -> Result<Vec<LinkStatus>, StoreError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(StoreError::Unreachable("no route to secret-host:27017".to_owned()));
        }
        let links = self.links.lock().unwrap();
        let mut links: Vec<_> = links.iter().filter(|(of, _)| *of == id).collect();
        links.sort_by_key(|(_, link)| link.index);
        Ok(links.into_iter().map(|(_, link)| link.clone()).collect())
    }
}

#[async_trait]
impl LinkStore for FakeStore {
    async fn ensure_schema(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn write_batch(&self, _: &[LinkDocument]) -> Result<Vec<WriteOutcome>, StoreError> {
        Err(StoreError::Refused("the producer writes nothing".to_owned()))
    }

    async fn find(&self, _: &[DocumentId]) -> Result<Vec<LinkDocument>, StoreError> {
        Ok(Vec::new())
    }

    async fn request_counts(&self, id: RequestId) -> Result<RequestCounts, StoreError> {
        let mut counts = RequestCounts::default();
        for link in self.of_request(id)? {
            match link.state {
                LinkState::Stored => counts.stored += 1,
                LinkState::Failed => counts.failed += 1,
                LinkState::Expanded => counts.expanded += 1,
            }
        }
        Ok(counts)
    }

    async fn request_links(
        &self,
        id: RequestId,
        from_index: u32,
        limit: u32,
    ) -> Result<Vec<LinkStatus>, StoreError> {
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let mut links = self.of_request(id)?;
        links.retain(|link| (from_index..from_index + limit).contains(&link.index));
        Ok(links)
    }

    async fn request_expansions(&self, id: RequestId) -> Result<Vec<ExpandedRange>, StoreError> {
        Ok(self.of_request(id)?.into_iter().filter_map(|link| link.expanded).collect())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(StoreError::Unreachable("no route to secret-host:27017".to_owned()));
        }
        Ok(())
    }
}
