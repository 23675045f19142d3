//! A duplicate key means "already there" only if it is in `_id`.

use linkrelay_common::RequestId;
use linkrelay_store::contract::sample;
use linkrelay_store::{LinkDocument, LinkStore, WriteOutcome};
use mongodb::IndexModel;
use mongodb::bson::doc;
use mongodb::options::IndexOptions;

use crate::{TestStore, open};

use WriteOutcome::{AlreadyThere, Inserted, Replaced};

async fn with_a_unique_index() -> TestStore {
    let opened = open().await;
    let unique = IndexOptions::builder().unique(true).name("mine".to_owned()).build();
    let index = IndexModel::builder().keys(doc! { "video_id": 1 }).options(unique).build();
    opened.raw().await.create_index(index).await.unwrap();
    opened
}

/// A failed document with the video of another link.
fn like(request_id: RequestId, index: u32, other: u32) -> LinkDocument {
    LinkDocument {
        video_id: sample::stored(request_id, other).video_id,
        ..sample::failed(request_id, index)
    }
}

#[tokio::test]
async fn a_document_that_another_unique_index_refuses_is_refused_alone() {
    let opened = with_a_unique_index().await;
    let store = &opened.store;
    let request_id = RequestId::new(9);
    store.write_batch(&[like(request_id, 0, 0)]).await.unwrap();
    // In order: already there, refused, inserted, refused, refused with the same id, inserted.
    let batch = [
        like(request_id, 0, 0),
        like(request_id, 1, 0),
        like(request_id, 2, 3),
        like(request_id, 3, 3),
        like(request_id, 3, 3),
        like(request_id, 4, 4),
    ];
    let outcomes = store.write_batch(&batch).await.unwrap();
    let refused = |outcome: &WriteOutcome| match outcome {
        WriteOutcome::Refused { reason } => {
            assert!(reason.contains("mine"), "{reason}");
            assert!(!reason.contains("video-0"), "what was submitted: {reason}");
            true
        }
        _ => false,
    };
    let are_refused: Vec<_> = outcomes.iter().map(refused).collect();
    assert_eq!(are_refused, [false, true, false, true, true, false], "{outcomes:?}");
    let others = [&outcomes[0], &outcomes[2], &outcomes[5]];
    assert_eq!(others, [&AlreadyThere, &Inserted, &Inserted]);
    let ids: Vec<_> = batch.iter().map(|document| document.id.clone()).collect();
    assert_eq!(store.find(&ids).await.unwrap().len(), 3);
}

#[tokio::test]
async fn one_that_replaces_a_failure_is_also_refused_alone() {
    let opened = with_a_unique_index().await;
    let store = &opened.store;
    let request_id = RequestId::new(9);
    store.write_batch(&[0, 1, 2].map(|index| like(request_id, index, index))).await.unwrap();
    let replay = [
        LinkDocument { kafka: None, ..like(request_id, 0, 1) },
        LinkDocument { kafka: None, ..like(request_id, 2, 2) },
    ];
    let outcomes = store.write_batch(&replay).await.unwrap();
    assert!(matches!(outcomes[..], [WriteOutcome::Refused { .. }, Replaced]), "{outcomes:?}");
}
