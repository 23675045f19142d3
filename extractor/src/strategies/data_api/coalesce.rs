//! Gathers questions for single videos into calls for many.
//!
//! One task owns the waiting questions and the calls under way. A call begins when it has fifty
//! ids, or a moment after its first.

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

/// The most that `videos.list` takes.
const MAX_IDS: usize = 50;
/// How long the first question of a call waits for others.
const LINGER: Duration = Duration::from_millis(20);
/// Calls at one time; with fifty videos each, more would be no faster.
const MAX_CALLS: usize = 4;
/// Questions that may wait; more wait with their askers.
const QUEUE_LEN: usize = 256;

type Answer = Result<Video, ExtractError>;
/// What a call gives: an answer for each id.
pub(super) type Answers = HashMap<VideoId, Answer>;

struct Question {
    video_id: VideoId,
    reply: oneshot::Sender<Answer>,
}

/// The near end of the task, which ends with it.
pub(super) struct Coalescer {
    questions: mpsc::Sender<Question>,
    _task: AbortOnDropHandle<()>,
}

impl Coalescer {
    /// Starts the task; must be called within a runtime. `call` is given different ids, at most
    /// fifty.
    pub(super) fn start<C>(call: C) -> Self
    where
        C: Fn(Vec<VideoId>) -> BoxFuture<'static, Answers> + Send + Sync + 'static,
    {
        let (questions, queue) = mpsc::channel(QUEUE_LEN);
        let task = AbortOnDropHandle::new(tokio::spawn(run(queue, call)));
        Self { questions, _task: task }
    }

    /// Asks for one video.
    ///
    /// # Cancel safety
    /// A question whose asker is gone before its call begins is left out of it.
    pub(super) async fn ask(&self, video_id: VideoId) -> Answer {
        let gone = || ExtractError::Unreadable("the call to the Data API panicked".to_owned());
        let (reply, answer) = oneshot::channel();
        self.questions.send(Question { video_id, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl fmt::Debug for Coalescer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalescer").finish_non_exhaustive()
    }
}

async fn run<C>(mut queue: mpsc::Receiver<Question>, call: C)
where
    C: Fn(Vec<VideoId>) -> BoxFuture<'static, Answers>,
{
    let mut calls = JoinSet::new();
    while let Some(first) = queue.recv().await {
        let mut batch = gather(first, &mut queue).await;
        while calls.try_join_next().is_some() {}
        if calls.len() >= MAX_CALLS {
            let _done = calls.join_next().await;
        }
        batch.retain(|question| !question.reply.is_closed());
        if batch.is_empty() {
            continue;
        }
        let answers = call(ids(&batch));
        calls.spawn(async move { hand_out(batch, &answers.await) });
    }
}

async fn gather(first: Question, queue: &mut mpsc::Receiver<Question>) -> Vec<Question> {
    let mut batch = vec![first];
    let others = async {
        while batch.len() < MAX_IDS
            && let Some(question) = queue.recv().await
        {
            batch.push(question);
        }
    };
    // Whatever has come by then goes.
    let _is_full = tokio::time::timeout(LINGER, others).await.is_ok();
    batch
}

/// Each id once, in the order in which they were asked for.
fn ids(batch: &[Question]) -> Vec<VideoId> {
    let mut ids = Vec::with_capacity(batch.len());
    for question in batch {
        if !ids.contains(&question.video_id) {
            ids.push(question.video_id);
        }
    }
    ids
}

fn hand_out(batch: Vec<Question>, answers: &Answers) {
    for Question { video_id, reply } in batch {
        let forgotten = || Err(ExtractError::Unreadable("the call forgot this video".to_owned()));
        let answer = answers.get(&video_id).cloned().unwrap_or_else(forgotten);
        let _nobody_waits = reply.send(answer).is_err();
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

    /// Answers with the id as the title.
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
    async fn what_is_asked_at_once_is_one_call_of_at_most_fifty() {
        let calls = Calls::default();
        let coalescer = coalescer(&calls);
        let asks = (0..120).map(|n| coalescer.ask(id(n)));
        for (n, answer) in futures::future::join_all(asks).await.into_iter().enumerate() {
            assert_eq!(answer.unwrap().title, id(n).as_str(), "each is given its own");
        }
        let sizes: Vec<usize> = calls.lock().unwrap().iter().map(Vec::len).collect();
        assert_eq!(sizes, [50, 50, 20]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_video_stands_in_a_call_once() {
        let calls = Calls::default();
        let coalescer = coalescer(&calls);
        let answers = futures::future::join_all((0..10).map(|_| coalescer.ask(id(7)))).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(*calls.lock().unwrap(), [vec![id(7)]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_nobody_waits_for_is_not_asked() {
        let calls = Calls::default();
        let coalescer = coalescer(&calls);
        let mut dropped = Box::pin(coalescer.ask(id(1)));
        assert!(futures::poll!(&mut dropped).is_pending());
        drop(dropped);
        coalescer.ask(id(2)).await.unwrap();
        assert_eq!(*calls.lock().unwrap(), [vec![id(2)]]);
    }
}
