//! The journal contains exactly the links that were accepted and are not written yet.

use std::collections::{BTreeMap, BTreeSet};

use linkrelay_common::{DocumentId, RequestId};
use linkrelay_store::contract::sample;
use linkrelay_store::sqlite::{JournalEntry, JournalPosition, JournalSize};
use linkrelay_store::{LinkDocument, LinkStore, MAX_DOCUMENT_BYTES, SqliteStore, WriteOutcome};
use proptest::prelude::*;

use crate::TestStore;

const LINKS: u32 = 6;

fn entry(request_id: RequestId, index: u32) -> JournalEntry {
    JournalEntry {
        document_id: DocumentId::of_request(request_id, index),
        key: format!("video-{index:05}").into_bytes(),
        value: vec![b'v'; 10 + index as usize],
        headers: vec![("linkrelay-index".to_owned(), index.to_string().into_bytes())],
        kept_room: JournalSize::default(),
    }
}

/// Returns all entries, read in pages of two.
async fn pending(store: &SqliteStore) -> Vec<JournalEntry> {
    let mut entries = Vec::new();
    let mut after = JournalPosition::START;
    loop {
        let page = store.journal_pending(after, 2).await.unwrap();
        let Some(last) = page.last() else { return entries };
        after = last.position;
        entries.extend(page.into_iter().map(|pending| pending.entry));
    }
}

#[tokio::test]
async fn what_is_journaled_or_written_is_not_journaled_again() {
    let opened = TestStore::open();
    let store = &opened.store;
    let request_id = RequestId::new(LINKS);
    let complete = [sample::stored(request_id, 0), sample::expanded(request_id, 2, 1)];
    store.write_batch(&complete).await.unwrap();
    let first = entry(request_id, 1);
    let mut again = first.clone();
    again.value.push(b'!');
    let entries = vec![entry(request_id, 0), first.clone(), again, entry(request_id, 2)];
    store.journal_append(entries).await.unwrap();
    assert_eq!(pending(store).await, [first]);
}

/// A failed link that is accepted again stays in the journal until that has an outcome, no matter
/// how often the record that failed before is delivered again.
#[tokio::test]
async fn a_failed_link_is_journaled_again_until_it_has_another_outcome() {
    let opened = TestStore::open();
    let store = &opened.store;
    let request_id = RequestId::new(LINKS);
    let entry = entry(request_id, 0);
    let failed = sample::failed(request_id, 0);
    let failed_again = LinkDocument { kafka: Some(sample::origin(7)), ..failed.clone() };
    let stored = sample::stored(request_id, 0);
    for (before, outcome) in [(&failed, &failed_again), (&failed_again, &stored)] {
        store.write_batch(std::slice::from_ref(before)).await.unwrap();
        assert_eq!(pending(store).await, []);
        store.journal_append(vec![entry.clone()]).await.unwrap();
        store.write_batch(std::slice::from_ref(before)).await.unwrap();
        store.done(std::slice::from_ref(&before.id)).await.unwrap();
        assert_eq!(pending(store).await, std::slice::from_ref(&entry));
        let written = store.write_batch(std::slice::from_ref(outcome)).await.unwrap();
        assert_eq!(written, [WriteOutcome::Replaced]);
        assert_eq!(store.journal_size().await.unwrap(), JournalSize::default());
    }
    store.journal_append(vec![entry]).await.unwrap();
    assert_eq!(pending(store).await, [], "it is stored");
}

#[tokio::test]
async fn a_refused_document_leaves_its_entry() {
    let opened = TestStore::open();
    let store = &opened.store;
    let request_id = RequestId::new(LINKS);
    let entries = vec![entry(request_id, 0), entry(request_id, 1)];
    store.journal_append(entries.clone()).await.unwrap();
    let mut too_large = sample::stored(request_id, 0);
    too_large.link = "x".repeat(MAX_DOCUMENT_BYTES);
    let outcomes = store.write_batch(&[too_large, sample::stored(request_id, 1)]).await.unwrap();
    assert!(matches!(outcomes[..], [WriteOutcome::Refused { .. }, WriteOutcome::Inserted]));
    assert_eq!(pending(store).await, entries[..1]);
    store.journal_remove(vec![entries[0].document_id.clone()]).await.unwrap();
    assert_eq!(store.journal_size().await.unwrap(), JournalSize::default());
}

#[tokio::test]
async fn the_videos_of_a_list_replace_it_after_its_document() {
    let opened = TestStore::open();
    let store = &opened.store;
    let request_id = RequestId::new(LINKS);
    let list = JournalEntry {
        kept_room: JournalSize { entries: 500, bytes: 100_000 },
        ..entry(request_id, 0)
    };
    let empty = JournalSize::default();
    store.journal_append(vec![list.clone()]).await.unwrap();
    let size = store.journal_size().await.unwrap();
    assert!(size.entries == 501 && size.bytes > 100_000, "{size:?}");
    store.write_batch(&[sample::expanded(request_id, 0, 2)]).await.unwrap();
    let reopened = opened.reopen();
    let store = &reopened.store;
    assert_eq!(pending(store).await, std::slice::from_ref(&list), "until its videos are journaled");
    let videos = [1, 2].map(|index| entry(request_id, index));
    for _ in 0..2 {
        store.journal_expand(list.document_id.clone(), videos.to_vec()).await.unwrap();
        assert_eq!(pending(store).await, videos);
    }
    store.write_batch(&[sample::stored(request_id, 2)]).await.unwrap();
    store.journal_expand(list.document_id, videos.to_vec()).await.unwrap();
    assert_eq!(pending(store).await, videos[..1], "a link with a document is complete");
    store.write_batch(&[sample::failed(request_id, 1)]).await.unwrap();
    assert_eq!(store.journal_size().await.unwrap(), empty);
}

/// As if another program had written the document before the entry was journaled.
#[tokio::test]
async fn an_entry_is_removed_if_its_document_has_metadata() {
    let opened = TestStore::open();
    let store = &opened.store;
    let request_id = RequestId::new(LINKS);
    let entries: Vec<_> = (0..4).map(|index| entry(request_id, index)).collect();
    store.journal_append(entries.clone()).await.unwrap();
    let documents = [
        sample::stored(request_id, 0),
        sample::failed(request_id, 1),
        sample::expanded(request_id, 2, 2),
    ];
    store.write_batch(&documents).await.unwrap();
    let raw = rusqlite::Connection::open(crate::file(&opened.directory)).unwrap();
    raw.execute_batch(
        "INSERT INTO journal (id, key, value, headers, bytes)
                SELECT id, x'', x'', x'', 0 FROM document WHERE status = 'stored';
             UPDATE journal_total SET entries = entries + 1;",
    )
    .unwrap();
    let ids: Vec<_> = entries.iter().map(|entry| entry.document_id.clone()).collect();
    store.done(&ids).await.unwrap();
    assert_eq!(pending(store).await, entries[2..], "a list, and what has no document");
    assert_eq!(store.journal_size().await.unwrap().entries, 2);
}

#[tokio::test]
async fn a_document_that_breaks_an_operator_s_constraint_is_refused_alone() {
    let opened = TestStore::open();
    let store = &opened.store;
    let raw = rusqlite::Connection::open(crate::file(&opened.directory)).unwrap();
    raw.execute_batch("CREATE UNIQUE INDEX mine ON document (video_id)").unwrap();
    let request_id = RequestId::new(LINKS);
    let entries: Vec<_> = (0..4).map(|index| entry(request_id, index)).collect();
    store.journal_append(entries.clone()).await.unwrap();
    let like = |index, other: u32| LinkDocument {
        video_id: sample::stored(request_id, other).video_id,
        ..sample::failed(request_id, index)
    };
    let batch = [like(0, 0), like(1, 0), like(2, 2), like(0, 5)];
    let outcomes = store.write_batch(&batch).await.unwrap();
    let [first, WriteOutcome::Refused { reason }, third, again] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(
        [first, third, again],
        [&WriteOutcome::Inserted, &WriteOutcome::Inserted, &WriteOutcome::AlreadyThere]
    );
    assert!(reason.contains("document.video_id") && !reason.contains("video-0"), "{reason}");
    assert_eq!(pending(store).await, [entries[1].clone(), entries[3].clone()]);
    // A document that would replace a failure is also refused alone.
    let replay = LinkDocument { kafka: None, ..like(0, 2) };
    let outcomes = store.write_batch(&[replay, like(3, 3)]).await.unwrap();
    assert!(matches!(outcomes[..], [WriteOutcome::Refused { .. }, WriteOutcome::Inserted]));
}

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<u32>),
    Write(Vec<u32>, bool),
    Remove(Vec<u32>),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let some_links = || proptest::collection::vec(0..LINKS, 0..4);
    prop_oneof![
        4 => some_links().prop_map(Step::Append),
        3 => (some_links(), any::<bool>()).prop_map(|(links, fails)| Step::Write(links, fails)),
        1 => some_links().prop_map(Step::Remove),
        1 => Just(Step::Reopen),
    ]
}

/// What the journal should contain.
#[derive(Debug, Default)]
struct Model {
    pending: Vec<u32>,
    failed: BTreeSet<u32>,
    stored: BTreeSet<u32>,
}

impl Model {
    fn append(&mut self, links: &[u32]) {
        for link in links {
            if !self.stored.contains(link) && !self.pending.contains(link) {
                self.pending.push(*link);
            }
        }
    }

    fn remove(&mut self, links: &[u32]) {
        self.pending.retain(|link| !links.contains(link));
    }

    /// All failures of a link are of the same record, so only the first of them is an outcome. A
    /// stored link is not pending.
    fn write(&mut self, links: &[u32], fails: bool) {
        for link in links {
            let is_outcome = if fails { self.failed.insert(*link) } else { true };
            if is_outcome {
                self.remove(&[*link]);
            }
            if !fails {
                self.stored.insert(*link);
            }
        }
    }
}

/// Does the steps in concurrent pairs, as producer and consumer do. If the two do not commute, the
/// model cannot know which was first, so they are done one after the other.
async fn follow(steps: Vec<Step>) {
    let request_id = RequestId::new(LINKS);
    let mut model = Model::default();
    let mut opened = TestStore::open();
    let mut steps = steps.into_iter().peekable();
    while let Some(step) = steps.next() {
        match step {
            Step::Append(appended) => {
                let entries = appended.iter().map(|index| entry(request_id, *index)).collect();
                let written = steps.next_if(|next| {
                    matches!(next, Step::Write(links, _)
                        if links.iter().all(|link| !appended.contains(link)))
                });
                let documents = match &written {
                    Some(Step::Write(links, fails)) => documents(request_id, links, *fails),
                    _ => Vec::new(),
                };
                let (journaled, stored) = tokio::join!(
                    opened.store.journal_append(entries),
                    opened.store.write_batch(&documents)
                );
                journaled.unwrap();
                stored.unwrap();
                model.append(&appended);
                if let Some(Step::Write(links, fails)) = written {
                    model.write(&links, fails);
                }
            }
            Step::Write(links, fails) => {
                opened.store.write_batch(&documents(request_id, &links, fails)).await.unwrap();
                model.write(&links, fails);
            }
            Step::Remove(links) => {
                let ids = links.iter().map(|index| DocumentId::of_request(request_id, *index));
                opened.store.journal_remove(ids.collect()).await.unwrap();
                model.remove(&links);
            }
            Step::Reopen => opened = opened.reopen(),
        }
        check(&opened.store, request_id, &model).await;
    }
}

fn documents(request_id: RequestId, links: &[u32], fails: bool) -> Vec<LinkDocument> {
    let document = if fails { sample::failed } else { sample::stored };
    links.iter().map(|index| document(request_id, *index)).collect()
}

async fn check(store: &SqliteStore, request_id: RequestId, model: &Model) {
    let expected: Vec<_> = model.pending.iter().map(|index| entry(request_id, *index)).collect();
    let entries = pending(store).await;
    assert_eq!(entries, expected);
    // The model's sizes, by the entry's id, with eight bytes of lengths per header.
    let sizes: BTreeMap<_, _> = entries
        .iter()
        .map(|entry| {
            let headers: usize =
                entry.headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
            (&entry.document_id, entry.key.len() + entry.value.len() + headers)
        })
        .collect();
    let size = store.journal_size().await.unwrap();
    assert_eq!(size.entries, entries.len() as u64);
    assert_eq!(size.bytes, sizes.values().sum::<usize>() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_journal_is_what_was_accepted_and_not_written(
        steps in proptest::collection::vec(step(), 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(follow(steps));
    }
}
