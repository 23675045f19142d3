//! What a batch updates: nothing when it is written again, as after an answer that came too late;
//! otherwise few commands with one statement for each row and each document.

use linkrelay_common::RequestId;
use linkrelay_store::contract::sample;
use linkrelay_store::{LinkDocument, LinkStore, WriteOutcome};
use linkrelay_testkit::mongo_front::MongoFront;

use crate::rights::behind_a_front;

const DOCUMENTS: &str = "youtube";
const ROWS: &str = "videos";

/// How many statements each `update` command of this collection had.
fn statements(front: &MongoFront, collection: &str) -> Vec<usize> {
    let mut updates = front.seen("update");
    updates.retain(|update| update.get_str("update") == Ok(collection));
    for update in &updates {
        assert_eq!(update.get_i64("maxTimeMS"), Ok(30_000), "the server would never give up");
    }
    updates.iter().map(|update| update.get_array("updates").unwrap().len()).collect()
}

#[tokio::test]
async fn a_batch_that_is_written_again_updates_no_row() {
    let (front, store, _) = behind_a_front("").await;
    let id = RequestId::new(4);
    let batch = [
        sample::stored(id, 0),
        sample::failed(id, 1),
        sample::stored(id, 2),
        // Of the video of another one.
        LinkDocument { video_id: sample::stored(id, 2).video_id, ..sample::failed(id, 3) },
    ];
    for _ in 0..3 {
        store.write_batch(&batch).await.unwrap();
    }
    assert_eq!(statements(&front, ROWS), [0; 0]);
}

#[tokio::test]
async fn a_newer_document_updates_its_row_and_no_other() {
    let (front, store, _) = behind_a_front("").await;
    let (first, second) = (RequestId::new(2), RequestId::new(2));
    let old = [sample::stored(first, 0), sample::stored(first, 1)];
    store.write_batch(&old).await.unwrap();
    let newer = LinkDocument {
        video_id: old[0].video_id.clone(),
        video: old[0].video.clone(),
        ..sample::stored(second, 0)
    };
    let newer = LinkDocument {
        extracted_at: newer.extracted_at.map(|at| at + std::time::Duration::from_secs(1)),
        stored_at: newer.stored_at + std::time::Duration::from_secs(1),
        ..newer
    };
    store.write_batch(&[newer, old[1].clone()]).await.unwrap();
    assert_eq!(statements(&front, ROWS), [1]);
}

#[tokio::test]
async fn replayed_failures_are_replaced_by_one_command() {
    let (front, store, _) = behind_a_front("").await;
    let id = RequestId::new(20);
    let failed: Vec<_> = (0..20).map(|index| sample::failed(id, index)).collect();
    store.write_batch(&failed).await.unwrap();
    let replayed: Vec<_> = (0..20).map(|index| sample::stored(id, index)).collect();
    let outcomes = store.write_batch(&replayed).await.unwrap();
    assert_eq!(outcomes, vec![WriteOutcome::Replaced; 20]);
    assert_eq!(statements(&front, DOCUMENTS), [20]);
}
