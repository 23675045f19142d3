//! What a store must do with the documents that it gets.

use futures::future::try_join_all;
use linkrelay_common::{RecordOrigin, RequestId};

use super::sample;
use crate::document::MAX_DOCUMENT_BYTES;
use crate::{LinkDocument, LinkStore, RequestCounts, StoreError, WriteOutcome};

use WriteOutcome::{AlreadyThere, Inserted, Replaced};

/// A document is read as it was written.
pub async fn every_field_comes_back(store: &dyn LinkStore) -> Result<(), StoreError> {
    let request_id = RequestId::new(2);
    let documents = [sample::stored(request_id, 0), sample::failed(request_id, 1)];
    assert_eq!(store.write_batch(&documents).await?, [Inserted, Inserted]);
    assert_eq!(found(store, &documents).await?, documents);
    Ok(())
}

/// Null is preserved: it does not become 0, "" or an empty list.
pub async fn a_document_of_nulls_comes_back(store: &dyn LinkStore) -> Result<(), StoreError> {
    let mut sparse = sample::stored(RequestId::new(1), 0);
    if let Some(video) = &mut sparse.video {
        (video.view_count, video.publish_date, video.keywords) = (None, None, None);
        (video.thumbnails, video.availability, video.chapters) = (None, None, Some(Vec::new()));
        video.author = linkrelay_common::video::Author::default();
    }
    let mut documents = [sample::of_nulls(7), sparse];
    documents.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(store.write_batch(&documents).await?, [Inserted, Inserted]);
    assert_eq!(found(store, &documents).await?, documents);
    Ok(())
}

/// Writing a batch again, or a part of it, changes nothing.
pub async fn an_existing_document_is_not_duplicated(
    store: &dyn LinkStore,
) -> Result<(), StoreError> {
    let request_id = RequestId::new(3);
    let first = [sample::stored(request_id, 0), sample::failed(request_id, 1)];
    store.write_batch(&first).await?;
    let mut again = [
        sample::stored(request_id, 0),
        sample::failed(request_id, 1),
        sample::stored(request_id, 2),
    ];
    for document in &mut again {
        document.source = Some("later".to_owned());
    }
    assert_eq!(store.write_batch(&again).await?, [AlreadyThere, AlreadyThere, Inserted]);
    assert_eq!(found(store, &first).await?, first);
    assert_eq!(counts(store, request_id).await?, (2, 1));
    Ok(())
}

/// A replay that succeeds replaces a failure; nothing replaces a success.
pub async fn only_a_failed_document_is_replaced(store: &dyn LinkStore) -> Result<(), StoreError> {
    let request_id = RequestId::new(2);
    let failed = [sample::failed(request_id, 0), sample::failed(request_id, 1)];
    let replay = [sample::stored(request_id, 0), sample::failed(request_id, 1)];
    store.write_batch(&failed).await?;
    assert_eq!(store.write_batch(&replay).await?, [Replaced, AlreadyThere]);
    assert_eq!(found(store, &replay).await?, replay);
    assert_eq!(store.write_batch(&failed).await?, [AlreadyThere, AlreadyThere]);
    assert_eq!(found(store, &replay).await?, replay);
    assert_eq!(counts(store, request_id).await?, (1, 1));
    Ok(())
}

/// A replay that fails again is stored with its own record; the waiting path has none.
pub async fn a_failure_replaces_that_of_another_record(
    store: &dyn LinkStore,
) -> Result<(), StoreError> {
    let failed = sample::failed(RequestId::new(1), 0);
    let of = |kafka: Option<RecordOrigin>| LinkDocument { kafka, ..failed.clone() };
    let elsewhere = |change: fn(&mut RecordOrigin)| {
        let mut kafka = failed.kafka.clone();
        kafka.iter_mut().for_each(change);
        of(kafka)
    };
    let (first, waited) = (of(failed.kafka.clone()), of(None));
    let others = [
        elsewhere(|origin| origin.topic.push('2')),
        elsewhere(|origin| origin.partition.0 += 1),
        elsewhere(|origin| origin.offset.0 += 1),
        elsewhere(|origin| origin.timestamp += 1),
    ];
    let mut expected = vec![(&waited, Inserted), (&waited, AlreadyThere)];
    for other in &others {
        let written = [(&first, Replaced), (&first, AlreadyThere), (other, Replaced)];
        expected.extend(written);
    }
    expected.extend([(&waited, Replaced), (&waited, AlreadyThere)]);
    for (document, outcome) in &expected {
        assert_eq!(
            store.write_batch(std::slice::from_ref(*document)).await?,
            std::slice::from_ref(outcome)
        );
        assert_eq!(found(store, std::slice::from_ref(*document)).await?, [(*document).clone()]);
    }
    // The same within one batch, and a success that ends it.
    let stored = sample::stored(RequestId::new(1), 0);
    let stored = LinkDocument { id: failed.id.clone(), ..stored };
    let batch = [first, others[3].clone(), others[3].clone(), stored.clone(), others[0].clone()];
    let outcomes = store.write_batch(&batch).await?;
    assert_eq!(outcomes, [Replaced, Replaced, AlreadyThere, Replaced, AlreadyThere]);
    assert_eq!(found(store, &batch[..1]).await?, [stored]);
    Ok(())
}

/// A list, like a video, is written once, and replaces only a failure.
pub async fn an_expanded_list_is_written_once(store: &dyn LinkStore) -> Result<(), StoreError> {
    let request_id = RequestId::new(2);
    let first = [sample::expanded(request_id, 0, 500), sample::failed(request_id, 1)];
    assert_eq!(store.write_batch(&first).await?, [Inserted, Inserted]);
    assert_eq!(found(store, &first).await?, first);
    let later = [sample::expanded(request_id, 0, 499), sample::expanded(request_id, 1, 0)];
    assert_eq!(store.write_batch(&later).await?, [AlreadyThere, Replaced]);
    let kept = [first[0].clone(), later[1].clone()];
    assert_eq!(found(store, &kept).await?, kept);
    assert_eq!(store.write_batch(&[sample::failed(request_id, 0)]).await?, [AlreadyThere]);
    Ok(())
}

/// The first document of a batch wins, except that a success replaces a failure before it.
pub async fn duplicates_within_a_batch_are_one_document(
    store: &dyn LinkStore,
) -> Result<(), StoreError> {
    let request_id = RequestId::new(2);
    let late = |mut document: LinkDocument| {
        document.source = Some("late".to_owned());
        document
    };
    let batch = [
        sample::stored(request_id, 0),
        late(sample::stored(request_id, 0)),
        sample::failed(request_id, 1),
        late(sample::stored(request_id, 1)),
        sample::stored(request_id, 1),
    ];
    let outcomes = store.write_batch(&batch).await?;
    assert_eq!(outcomes, [Inserted, AlreadyThere, Inserted, Replaced, AlreadyThere]);
    let kept = [batch[0].clone(), batch[3].clone()];
    assert_eq!(found(store, &kept).await?, kept);
    assert_eq!(counts(store, request_id).await?, (2, 0));
    Ok(())
}

/// A document that no store can accept is refused alone, at any position of its batch.
pub async fn a_document_is_refused_alone(store: &dyn LinkStore) -> Result<(), StoreError> {
    let request_id = RequestId::new(4);
    let mut batch = [0, 1, 2, 3].map(|index| sample::stored(request_id, index));
    store.write_batch(&batch[3..]).await?;
    if let Some(video) = &mut batch[1].video {
        video.description = Some("x".repeat(MAX_DOCUMENT_BYTES));
    }
    let outcomes = store.write_batch(&batch).await?;
    assert_eq!([&outcomes[0], &outcomes[2], &outcomes[3]], [&Inserted, &Inserted, &AlreadyThere]);
    let WriteOutcome::Refused { reason } = &outcomes[1] else {
        panic!("not refused: {:?}", outcomes[1])
    };
    assert!(reason.len() < 500, "a reason is a sentence, not the document");
    let alone = store.write_batch(&batch[1..2]).await?;
    assert!(matches!(alone[..], [WriteOutcome::Refused { .. }]), "it is also refused alone");
    assert_eq!(store.find(&[batch[1].id.clone()]).await?, []);
    assert_eq!(counts(store, request_id).await?, (3, 0));
    Ok(())
}

/// An empty batch is valid.
pub async fn an_empty_batch_is_written(store: &dyn LinkStore) -> Result<(), StoreError> {
    assert_eq!(store.write_batch(&[]).await?, []);
    Ok(())
}

/// Redelivery to several consumers at the same time: for each id there is one insert, or one
/// insert and one replacement, no matter which consumer is first.
pub async fn concurrent_writers_insert_each_id_once(
    store: &dyn LinkStore,
) -> Result<(), StoreError> {
    const LINKS: u32 = 40;
    let request_id = RequestId::new(LINKS);
    let batch = |writer: u32| -> Vec<LinkDocument> {
        let fails = |index: u32| (index + writer).is_multiple_of(3);
        (0..LINKS)
            .map(|index| {
                if fails(index) {
                    sample::failed(request_id, index)
                } else {
                    sample::stored(request_id, index)
                }
            })
            .collect()
    };
    let batches: Vec<_> = (0..6).map(batch).collect();
    let outcomes = try_join_all(batches.iter().map(|batch| store.write_batch(batch))).await?;
    for index in 0..LINKS as usize {
        let count = |wanted| outcomes.iter().filter(|writer| writer[index] == wanted).count();
        assert_eq!(count(Inserted), 1, "link {index}");
        assert!(count(Replaced) <= 1, "link {index}");
        assert_eq!(count(Inserted) + count(Replaced) + count(AlreadyThere), batches.len());
    }
    assert_eq!(counts(store, request_id).await?, (LINKS, 0));
    Ok(())
}

/// Also with data in the store, and by several callers at once: every process does it at start.
pub async fn the_schema_can_be_made_again(store: &dyn LinkStore) -> Result<(), StoreError> {
    let documents = [sample::stored(RequestId::new(1), 0)];
    store.write_batch(&documents).await?;
    try_join_all((0..3).map(|_| store.ensure_schema())).await?;
    assert_eq!(found(store, &documents).await?, documents);
    store.ping().await
}

/// Returns what the store has of these documents, sorted by id.
async fn found(
    store: &dyn LinkStore,
    documents: &[LinkDocument],
) -> Result<Vec<LinkDocument>, StoreError> {
    let ids: Vec<_> = documents.iter().map(|document| document.id.clone()).collect();
    let mut found = store.find(&ids).await?;
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

async fn counts(store: &dyn LinkStore, request_id: RequestId) -> Result<(u32, u32), StoreError> {
    let RequestCounts { stored, failed, expanded, deleted } =
        store.request_counts(request_id).await?;
    assert_eq!((expanded, deleted), (0, 0));
    Ok((stored, failed))
}
