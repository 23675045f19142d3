//! The store in memory that other crates are tested with: the contract of every store.

use linkrelay_store::Store;
use linkrelay_store::testing::FaultyStore;

struct TestStore(FaultyStore);

impl TestStore {
    fn store(&self) -> &dyn Store {
        &self.0
    }

    async fn drop_rows(&self) {
        self.0.drop_rows();
    }
}

async fn open() -> TestStore {
    TestStore(FaultyStore::default())
}

linkrelay_store::contract_tests!(open);

#[tokio::test]
async fn old_documents_are_removed_oldest_first() {
    let opened = open().await;
    linkrelay_store::contract::old_documents_are_removed_oldest_first(opened.store())
        .await
        .unwrap();
}

#[tokio::test]
async fn old_requests_are_removed() {
    let opened = open().await;
    linkrelay_store::contract::old_requests_are_removed(opened.store()).await.unwrap();
}
