//! Any number of documents, drawn by a seed: each of another video, of one of a few thousand
//! channels, with texts in five scripts.
//!
//! It must not know: which benchmark uses them.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use futures::{StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use linkrelay_common::video::{Availability, Video};
use linkrelay_common::{DocumentId, ErrorClass, LinkFailure, RequestId};
use linkrelay_store::{LinkDocument, LinkState, LinkStore, SqliteStore};

use crate::sample;
use crate::texts::{self, Draw};

/// The links of a request.
const REQUEST_LINKS: u32 = 100;
const BATCH_DOCUMENTS: usize = 500;
const BATCHES_IN_FLIGHT: usize = 4;
const CHANNELS: u64 = 5_000;
const CATEGORIES: [&str; 4] = ["Music", "Education", "Gaming", "People & Blogs"];
const SOURCES: [&str; 3] = ["watch_page", "innertube", "oembed"];

/// Returns the documents in their order, without end.
pub(crate) fn documents(seed: u64) -> impl Iterator<Item = LinkDocument> {
    let template = sample::documents(1).remove(0);
    let mut draw = Draw::of_seed(seed);
    let mut request_id = RequestId::new(REQUEST_LINKS);
    (0..).map(move |number: usize| {
        let index = u32::try_from(number).unwrap_or_default() % REQUEST_LINKS;
        if index == 0 {
            request_id = RequestId::new(REQUEST_LINKS);
        }
        let later = SignedDuration::from_secs(number as i64 / 50);
        let base = LinkDocument {
            id: DocumentId::of_request(request_id, index),
            request_id: Some(request_id),
            index,
            link: sample::link(number),
            video_id: sample::video_id(number).ok().map(|id| id.to_string()),
            submitted_at: template.submitted_at.and_then(|time| time.checked_add(later).ok()),
            ..template.clone()
        };
        // One in fifty has failed.
        if draw.below(50) == 0 { failed(base, &mut draw) } else { stored(base, &mut draw) }
    })
}

/// Writes as many documents to a new file, as fast as the store takes them.
pub(crate) async fn write(file: &Path, seed: u64, count: usize) -> Result<()> {
    let store = Arc::new(SqliteStore::open(file)?);
    write_to(&store, seed, count).await?;
    println!("{} MiB\n", std::fs::metadata(file)?.len() / (1 << 20));
    store.close().await;
    Ok(())
}

/// Writes as many documents to a store that has none, and returns their requests.
pub(crate) async fn write_to<S: LinkStore + 'static>(
    store: &Arc<S>,
    seed: u64,
    count: usize,
) -> Result<Vec<RequestId>> {
    let mut requests = Vec::new();
    let documents = documents(seed).take(count).inspect(|document| {
        if document.index == 0 {
            requests.extend(document.request_id);
        }
    });
    let per_second = write_all(Arc::clone(store) as _, documents).await?;
    println!("{per_second:.0} documents/s");
    Ok(requests)
}

/// Writes documents as the consumer does, and returns how many a second.
pub(crate) async fn write_all(
    store: Arc<dyn LinkStore>,
    mut documents: impl Iterator<Item = LinkDocument>,
) -> Result<f64> {
    let batches = std::iter::from_fn(|| {
        let batch: Vec<LinkDocument> = documents.by_ref().take(BATCH_DOCUMENTS).collect();
        (!batch.is_empty()).then_some(batch)
    });
    let begun = Instant::now();
    let writes = futures::stream::iter(batches).map(|batch| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            store.write_batch(&batch).await?;
            anyhow::Ok(batch.len())
        })
    });
    let mut writes = writes.buffer_unordered(BATCHES_IN_FLIGHT);
    let mut count = 0;
    while let Some(written) = writes.try_next().await? {
        count += written?;
    }
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}

fn stored(base: LinkDocument, draw: &mut Draw) -> LinkDocument {
    let mut video = sample::video();
    vary(&mut video, draw);
    LinkDocument { video: Some(video), source: Some(draw.of(&SOURCES).to_owned()), ..base }
}

fn failed(base: LinkDocument, draw: &mut Draw) -> LinkDocument {
    let error = LinkFailure {
        class: draw.of(&[ErrorClass::Permanent, ErrorClass::Transient]),
        code: draw.of(&["private", "unavailable"]).to_owned(),
        message: "This video is not available.".to_owned(),
        attempts: 1,
    };
    let (status, error) = (LinkState::Failed, Some(error));
    LinkDocument { status, error, video: None, source: None, extracted_at: None, ..base }
}

fn vary(video: &mut Video, draw: &mut Draw) {
    let (title, description) = texts::draw(draw);
    video.title = title;
    video.description = Some(description);
    // A few channels have most of the videos.
    let channel = draw.below(CHANNELS).min(draw.below(CHANNELS)).min(draw.below(CHANNELS));
    video.author.channel_id = Some(format!("UC{channel:022}"));
    video.author.name = Some(format!("Channel {channel}"));
    video.length_seconds = Some(draw.below(7_200));
    video.view_count = Some(draw.below(1_000_000_000));
    video.like_count = Some(draw.below(1_000_000));
    let seconds = draw.below(1_700_000_000).cast_signed();
    video.publish_date = Timestamp::from_second(seconds).ok();
    video.category = Some(draw.of(&CATEGORIES).to_owned());
    video.availability = Some(draw.of(&Availability::ALL));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_videos_and_each_only_once() {
        let drawn = |seed| -> Vec<_> {
            let some = documents(seed).take(300);
            some.map(|document| (document.video_id, document.video)).collect()
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let mut ids: Vec<_> = drawn(1).into_iter().map(|(id, _)| id).collect();
        ids.dedup();
        assert_eq!(ids.len(), 300);
        assert!(drawn(1).iter().any(|(_, video)| video.is_none()));
    }
}
