//! How much the titles beside the rows cost the writes. It is a program, and asserts nothing:
//! `cargo test --release -p linkrelay-store --test mongo -- --ignored --nocapture write_rate`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt};
use linkrelay_common::RequestId;
use linkrelay_store::{LinkDocument, LinkStore, MongoStore, SearchIndexStore, VideoStore};

use crate::search_index::{query, titled};
use crate::{mongo_store, open};

const BATCHES: u32 = 20;
const BATCH_DOCUMENTS: u32 = 500;
const BATCHES_IN_FLIGHT: usize = 2;
const RUNS: usize = 3;

/// Draws numbers: the same ones for the same seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// Of three numbers the smallest, which often is small: so few words are frequent.
    fn rare(&mut self, end: u64) -> u64 {
        self.below(end).min(self.below(end)).min(self.below(end))
    }

    /// Three to nine words; of five titles three are Latin, one is Korean, and one is Chinese.
    fn title(&mut self) -> String {
        let script = self.below(5);
        let words = 3 + self.below(7);
        let words = (0..words).map(|_| word(script, self.rare(20_000)));
        words.collect::<Vec<_>>().join(if script == 4 { "" } else { " " })
    }
}

/// Returns the word with this number, which is short if it is frequent.
fn word(script: u64, number: u64) -> String {
    let mut draw = Draw(number * 8 + script);
    let length = 2 + draw.below(2 + number / 4_000);
    let character = |draw: &mut Draw| match script {
        3 => char::from_u32(0xAC00 + 28 * u32::try_from(draw.rare(398)).unwrap_or(0)),
        4 => char::from_u32(0x4E00 + u32::try_from(draw.rare(3_000)).unwrap_or(0)),
        _ => "etaoinshrdlucmfwypvbgkjqxz".chars().nth(usize::try_from(draw.rare(26)).unwrap_or(0)),
    };
    (0..length).filter_map(|_| character(&mut draw)).collect()
}

fn batches() -> Vec<Vec<LinkDocument>> {
    let mut draw = Draw(7);
    let request_id = RequestId::new(BATCHES * BATCH_DOCUMENTS);
    let batch = |batch: u32| {
        let indexes = batch * BATCH_DOCUMENTS..(batch + 1) * BATCH_DOCUMENTS;
        let mut title = |index| {
            let mut document = titled(request_id, index, &draw.title());
            document.video.as_mut().unwrap().description = Some("d".repeat(1_000));
            document
        };
        indexes.map(&mut title).collect()
    };
    (0..BATCHES).map(batch).collect()
}

/// Merges as a consumer does, with its rests.
async fn merge(store: Arc<MongoStore>) {
    loop {
        let begun = Instant::now();
        let indexed = store.index_videos().await.unwrap().unwrap();
        let rest = begun.elapsed() * 9;
        let pause = if indexed.has_more { Duration::ZERO } else { Duration::from_millis(500) };
        tokio::time::sleep(rest.max(pause)).await;
    }
}

/// Writes all documents, and then merges what waits, if `merges`.
async fn run(name: &str, (merges, has_index): (bool, bool)) {
    let opened = open().await;
    let store = Arc::new(mongo_store(&opened.uri, &opened.database));
    store.ensure_schema().await.unwrap();
    store.index_videos().await.unwrap();
    if has_index {
        store.videos(&query("x")).await.unwrap();
    }
    let merging = merges.then(|| tokio::spawn(merge(Arc::clone(&store))));
    let begun = Instant::now();
    let writes = futures::stream::iter(batches()).map(|batch| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.write_batch(&batch).await })
    });
    let written = writes.buffer_unordered(BATCHES_IN_FLIGHT);
    written.map(|written| written.unwrap()).try_for_each(async |_| Ok(())).await.unwrap();
    let rate = f64::from(BATCHES * BATCH_DOCUMENTS) / begun.elapsed().as_secs_f64();
    println!("{name}: {rate:.0} documents/s");
    while merges && store.index_videos().await.unwrap().unwrap().has_more {}
    if let Some(merging) = merging {
        merging.abort();
    }
    println!("{name}: nothing waits");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a program that measures"]
async fn documents_a_second() {
    for number in 0..RUNS {
        for (name, merges, has_index) in [
            ("not merged", false, false),
            ("merged beside, never searched", true, false),
            ("merged beside, with the index", true, true),
        ] {
            run(&format!("{number} {name}"), (merges, has_index)).await;
        }
    }
}
