//! A batch that is written again, as after an answer that came too late, updates no row.

use linkrelay_common::RequestId;
use linkrelay_store::contract::sample;
use linkrelay_store::{LinkDocument, LinkStore};

use crate::rights::behind_a_front;

/// How many statements each `update` command of rows had.
fn statements(front: &linkrelay_testkit::mongo_front::MongoFront) -> Vec<usize> {
    let mut updates = front.seen("update");
    updates.retain(|update| update.get_str("update") == Ok("videos"));
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
    assert_eq!(statements(&front), [0; 0]);
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
    // Its metadata, and when it was seen.
    assert_eq!(statements(&front), [2]);
}
