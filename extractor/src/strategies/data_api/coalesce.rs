//! Combines requests for single videos into calls for many.
//!
//! One task owns the waiting requests and the calls in flight. A call begins when it has fifty
//! ids, or [`LINGER`] after its first.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;
use linkrelay_common::VideoId;
use linkrelay_common::video::Video;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::error::ExtractError;

/// The most ids that `videos.list` accepts.
const MAX_IDS: usize = 50;
/// How long the first request of a call waits for others.
const LINGER: Duration = Duration::from_millis(20);
/// How many calls may be in flight; with fifty videos each, more would be no faster.
const MAX_CALLS: usize = 4;
/// How many requests may wait in the queue; the callers of more wait for room in it.
const QUEUE_LEN: usize = 256;

type VideoAnswer = Result<Video, ExtractError>;
/// The result of a call: an answer for each id.
pub(super) type VideoAnswers = HashMap<VideoId, VideoAnswer>;

struct VideoRequest {
    video_id: VideoId,
    reply: oneshot::Sender<VideoAnswer>,
}

/// The handle of the task, which ends when the handle is dropped.
pub(super) struct Coalescer {
    requests: mpsc::Sender<VideoRequest>,
    _task: AbortOnDropHandle<()>,
}

impl Coalescer {
    /// Starts the task; must be called within a runtime. `call` gets at most fifty ids, all of
    /// them different.
    pub(super) fn start<C>(call: C) -> Self
    where
        C: Fn(Vec<VideoId>) -> BoxFuture<'static, VideoAnswers> + Send + Sync + 'static,
    {
        let (requests, queue) = mpsc::channel(QUEUE_LEN);
        let task = AbortOnDropHandle::new(tokio::spawn(run(queue, call)));
        Self { requests, _task: task }
    }

    /// Asks for one video.
    ///
    /// # Cancel safety
    /// A request whose caller is dropped before the call begins is left out of the call.
    pub(super) async fn ask(&self, video_id: VideoId) -> VideoAnswer {
        let panicked = || ExtractError::Unreadable("the call to the Data API panicked".to_owned());
        let (reply, answer) = oneshot::channel();
        self.requests.send(VideoRequest { video_id, reply }).await.map_err(|_| panicked())?;
        answer.await.map_err(|_| panicked())?
    }
}

impl fmt::Debug for Coalescer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalescer").finish_non_exhaustive()
    }
}

async fn run<C>(mut queue: mpsc::Receiver<VideoRequest>, call: C)
where
    C: Fn(Vec<VideoId>) -> BoxFuture<'static, VideoAnswers>,
{
    let mut calls = JoinSet::new();
    while let Some(first) = queue.recv().await {
        let mut batch = gather(first, &mut queue).await;
        while calls.try_join_next().is_some() {}
        if calls.len() >= MAX_CALLS {
            let _done = calls.join_next().await;
        }
        batch.retain(|request| !request.reply.is_closed());
        if batch.is_empty() {
            continue;
        }
        let answers = call(ids(&batch));
        calls.spawn(async move { hand_out(batch, &answers.await) });
    }
}

async fn gather(
    first: VideoRequest,
    queue: &mut mpsc::Receiver<VideoRequest>,
) -> Vec<VideoRequest> {
    let mut batch = vec![first];
    let others = async {
        while batch.len() < MAX_IDS
            && let Some(request) = queue.recv().await
        {
            batch.push(request);
        }
    };
    // After the time-out, the batch is what has come until then.
    let _is_full = tokio::time::timeout(LINGER, others).await.is_ok();
    batch
}

/// Returns each id once, in the order of the requests.
fn ids(batch: &[VideoRequest]) -> Vec<VideoId> {
    let mut ids = Vec::with_capacity(batch.len());
    for request in batch {
        if !ids.contains(&request.video_id) {
            ids.push(request.video_id);
        }
    }
    ids
}

fn hand_out(batch: Vec<VideoRequest>, answers: &VideoAnswers) {
    for VideoRequest { video_id, reply } in batch {
        let missing = || Err(ExtractError::Unreadable("the call left out this video".to_owned()));
        let answer = answers.get(&video_id).cloned().unwrap_or_else(missing);
        let _caller_has_left = reply.send(answer).is_err();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::strategies::untitled;

    type Calls = Arc<Mutex<Vec<Vec<VideoId>>>>;

    fn id(n: usize) -> VideoId {
        VideoId::parse(&format!("{n:011}")).unwrap()
    }

    /// VideoAnswers with the id as the title.
    fn coalescer(calls: &Calls) -> Coalescer {
        let calls = calls.clone();
        Coalescer::start(move |ids: Vec<VideoId>| {
            calls.lock().unwrap().push(ids.clone());
            let titled = |id: VideoId| Video { title: id.as_str().to_owned(), ..untitled() };
            let answers = ids.into_iter().map(|id| (id, Ok(titled(id)))).collect();
            Box::pin(async move { answers })
        })
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_requests_are_combined_into_calls_of_at_most_fifty() {
        let calls = Calls::default();
        let coalescer = coalescer(&calls);
        let asks = (0..120).map(|n| coalescer.ask(id(n)));
        for (n, answer) in futures::future::join_all(asks).await.into_iter().enumerate() {
            assert_eq!(answer.unwrap().title, id(n).as_str(), "each caller gets its own answer");
        }
        let sizes: Vec<usize> = calls.lock().unwrap().iter().map(Vec::len).collect();
        assert_eq!(sizes, [50, 50, 20]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_video_is_in_a_call_once() {
        let calls = Calls::default();
        let coalescer = coalescer(&calls);
        let answers = futures::future::join_all((0..10).map(|_| coalescer.ask(id(7)))).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(*calls.lock().unwrap(), [vec![id(7)]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_whose_caller_has_left_is_not_made() {
        let calls = Calls::default();
        let coalescer = coalescer(&calls);
        let mut dropped = Box::pin(coalescer.ask(id(1)));
        assert!(futures::poll!(&mut dropped).is_pending());
        drop(dropped);
        coalescer.ask(id(2)).await.unwrap();
        assert_eq!(*calls.lock().unwrap(), [vec![id(2)]]);
    }
}
