//! The store in memory that other crates are tested with: the contract of every store.

use linkrelay_store::LinkStore;
use linkrelay_store::testing::MemoryStore;

struct TestStore(MemoryStore);

impl TestStore {
    fn store(&self) -> &dyn LinkStore {
        &self.0
    }
}

async fn open() -> TestStore {
    TestStore(MemoryStore::default())
}

linkrelay_store::contract_tests!(open);
