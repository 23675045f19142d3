//! A duplicate key means "already there" only if it is in `_id`.

use std::time::Duration;

use jiff::Timestamp;
use linkrelay_common::{RequestId, VideoId};
use linkrelay_store::contract::sample;
use linkrelay_store::{LinkDocument, LinkStore, VideoStore, WriteOutcome};
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

#[tokio::test]
async fn those_that_replace_failures_have_as_many_commands_as_they_need() {
    let opened = with_a_unique_index().await;
    let store = &opened.store;
    let request_id = RequestId::new(9);
    store.write_batch(&[0, 1, 2, 3].map(|index| like(request_id, index, index))).await.unwrap();
    let large = |index: u32, other: u32| {
        let mut document = sample::stored(request_id, index);
        document.video_id = sample::stored(request_id, other).video_id;
        let video = document.video.as_mut().unwrap();
        video.description = Some("x".repeat(9_000_000));
        document
    };
    // No two of them fit into one command, and the third has the video of another link.
    let replay = [large(0, 0), large(1, 1), large(2, 3)];
    let outcomes = store.write_batch(&replay).await.unwrap();
    let refused = matches!(outcomes[..], [Replaced, Replaced, WriteOutcome::Refused { .. }]);
    assert!(refused, "{outcomes:?}");
    let found = store.find(&replay.each_ref().map(|document| document.id.clone())).await.unwrap();
    assert_eq!(found, [replay[0].clone(), replay[1].clone(), like(request_id, 2, 2)]);
}

#[tokio::test]
async fn a_row_whose_metadata_is_refused_still_notes_when_its_video_was_seen() {
    let opened = open().await;
    let unique = IndexOptions::builder().unique(true).build();
    let keys = doc! { "newest.video.title": 1 };
    let index = IndexModel::builder().keys(keys).options(unique).build();
    opened.raw_collection("videos").await.create_index(index).await.unwrap();
    let store = &opened.store;
    let (first, second) = (RequestId::new(2), RequestId::new(2));
    let old = [sample::stored(first, 0), sample::stored(first, 1)];
    store.write_batch(&old).await.unwrap();
    // A newer title of the second video, which is that of the first one.
    let later = |at: Timestamp| at + Duration::from_secs(60);
    let newer = LinkDocument {
        video: old[0].video.clone(),
        submitted_at: old[1].submitted_at.map(later),
        extracted_at: old[1].extracted_at.map(later),
        ..sample::stored(second, 1)
    };
    assert_eq!(store.write_batch(std::slice::from_ref(&newer)).await.unwrap(), [Inserted]);
    let video_id = VideoId::parse(newer.video_id.as_deref().unwrap()).unwrap();
    let row = store.video(video_id).await.unwrap().unwrap();
    assert_eq!(Some(row.seen.last_at), newer.submitted_at);
    let title = row.metadata.map(|metadata| metadata.video.title);
    assert_eq!(title, old[1].video.as_ref().map(|video| video.title.clone()));
}
