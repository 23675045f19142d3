//! What a request has in the file is removed with it, and what is too old is removed.

use jiff::Timestamp;
use linkrelay_common::{DocumentId, RequestId};
use linkrelay_store::contract::{self, sample};
use linkrelay_store::sqlite::{JournalEntry, JournalPosition, JournalSize, LetterEntry};
use linkrelay_store::{LinkStore, SqliteStore};

use crate::TestStore;

/// The time at which a test deletes something.
const NOW_MS: i64 = 1_767_000_000_000;

fn letter(id: &DocumentId, written_at_ms: i64) -> LetterEntry {
    LetterEntry {
        document_id: id.clone(),
        key: None,
        value: b"a link".to_vec(),
        headers: Vec::new(),
        written_at_ms,
    }
}

fn entry(id: &DocumentId) -> JournalEntry {
    JournalEntry {
        document_id: id.clone(),
        key: Vec::new(),
        value: b"a link".to_vec(),
        headers: Vec::new(),
        kept_room: JournalSize::default(),
    }
}

async fn letters(store: &SqliteStore) -> Vec<DocumentId> {
    let rows = store.letters_after(0, 100).await.unwrap();
    rows.into_iter().map(|row| row.entry.document_id).collect()
}

#[tokio::test]
async fn the_dead_letters_and_journal_entries_of_a_deleted_request_are_removed() {
    let opened = TestStore::open();
    let store = &opened.store;
    // The ids of the others begin like that of the deleted one, or are next to it.
    let deleted = RequestId::new(1);
    let longer: RequestId = format!("{deleted}0").parse().unwrap();
    let ids = [deleted, longer, RequestId::new(1)].map(|id| DocumentId::of_request(id, 0));
    store.write_batch(&[sample::failed(deleted, 0)]).await.unwrap();
    for id in &ids {
        store.letter_append(letter(id, NOW_MS)).await.unwrap();
        store.letter_append(letter(id, NOW_MS)).await.unwrap();
    }
    // That of the deleted one is left over: its document is in another store.
    let video_of_list = DocumentId::of_request(deleted, 10_001);
    let journaled = [video_of_list, ids[1].clone(), ids[2].clone()];
    store.journal_append(journaled.iter().map(entry).collect()).await.unwrap();
    store.letters_mark(vec![1]).await.unwrap();

    let deleted_at = Timestamp::from_millisecond(NOW_MS).unwrap();
    assert_eq!(store.delete_request(deleted, deleted_at).await.unwrap(), 1);
    let kept = [&ids[1], &ids[1], &ids[2], &ids[2]].map(Clone::clone);
    assert_eq!(letters(store).await, kept);
    assert_eq!(store.letters_marked().await.unwrap(), [0_i64; 0]);
    let pending = store.journal_pending(JournalPosition::START, 10).await.unwrap();
    let pending: Vec<_> = pending.into_iter().map(|pending| pending.entry.document_id).collect();
    assert_eq!(pending, ids[1..]);
    assert_eq!(store.journal_size().await.unwrap().entries, 2);
}

#[tokio::test]
async fn old_documents_are_removed_oldest_first() {
    let opened = TestStore::open();
    contract::old_documents_are_removed_oldest_first(opened.store()).await.unwrap();
}

#[tokio::test]
async fn old_dead_letters_are_removed_unless_they_are_being_replayed() {
    let opened = TestStore::open();
    let store = &opened.store;
    let request_id = RequestId::new(5);
    let ids: Vec<_> = (0..5).map(|index| DocumentId::of_request(request_id, index)).collect();
    for (id, written_at_ms) in ids.iter().zip([5, 1, 9, 2, 3]) {
        store.letter_append(letter(id, NOW_MS + written_at_ms)).await.unwrap();
    }
    store.letters_mark(vec![4]).await.unwrap();
    let before = Timestamp::from_millisecond(NOW_MS + 9).unwrap();
    assert_eq!(store.remove_expired(before, 2).await.unwrap(), 0, "there is no document");
    assert_eq!(letters(store).await, [0, 2, 3].map(|index| ids[index].clone()));
    store.remove_expired(before, 2).await.unwrap();
    assert_eq!(letters(store).await, [2, 3].map(|index| ids[index].clone()));
}

#[tokio::test]
async fn old_requests_are_removed() {
    let opened = TestStore::open();
    contract::old_requests_are_removed(opened.store()).await.unwrap();
}
