//! Questions under way, one for each video.
//!
//! A flight is a task of its own, owned by all that wait for it: who leaves early does not end
//! it for the others, and when all have left, it ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use linkrelay_common::VideoId;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::Answer;
use crate::error::ExtractError;

/// To be awaited by one of those who want to know.
pub(super) type Flight = Shared<BoxFuture<'static, Answer>>;

/// What came of asking for a place.
#[derive(Debug)]
pub(super) enum Board {
    /// There is no need to: the answer is known.
    Known(Box<Answer>),
    /// One was under way.
    Joined(Flight),
    /// This one has begun.
    Started(Flight),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Flights {
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    by_id: HashMap<VideoId, (u64, WeakShared<BoxFuture<'static, Answer>>)>,
    /// Tells a flight from a later one to the same video.
    last_number: u64,
}

/// Takes its flight off the board at its end, however that comes.
struct Landing {
    open: Arc<Mutex<Open>>,
    video_id: VideoId,
    number: u64,
}

impl Flights {
    /// Joins the flight for this video; without one, looks whether the answer is `known`, and
    /// if it is not, begins one with this question. Must be called within a runtime.
    pub(super) fn board<Q>(
        &self,
        video_id: VideoId,
        known: impl FnOnce() -> Option<Answer>,
        question: impl FnOnce() -> Q,
    ) -> Board
    where
        Q: Future<Output = Answer> + Send + 'static,
    {
        let mut open = lock(&self.open);
        let under_way = open.by_id.get(&video_id).and_then(|(_, flight)| flight.upgrade());
        if let Some(flight) = under_way {
            return Board::Joined(flight);
        }
        if let Some(answer) = known() {
            return Board::Known(Box::new(answer));
        }
        open.last_number += 1;
        let number = open.last_number;
        let landing = Landing { open: self.open.clone(), video_id, number };
        let flight = begin(question(), landing);
        if let Some(weak) = flight.downgrade() {
            open.by_id.insert(video_id, (number, weak));
        }
        Board::Started(flight)
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        lock(&self.open).by_id.len()
    }
}

fn begin(question: impl Future<Output = Answer> + Send + 'static, landing: Landing) -> Flight {
    let flight = async move {
        let _landing = landing;
        question.await
    };
    let task = AbortOnDropHandle::new(tokio::spawn(flight.in_current_span()));
    task.map(|ended| ended.unwrap_or_else(|error| Err(interrupted(&error)))).boxed().shared()
}

/// A panic is one link's bad luck, and no more than that.
fn interrupted(error: &tokio::task::JoinError) -> ExtractError {
    let what = if error.is_panic() { "a strategy panicked" } else { "the process is stopping" };
    ExtractError::Unreadable(what.to_owned())
}

fn lock(open: &Mutex<Open>) -> std::sync::MutexGuard<'_, Open> {
    // The board is whole after every step.
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        if open.by_id.get(&self.video_id).is_some_and(|(number, _)| *number == self.number) {
            open.by_id.remove(&self.video_id);
        }
    }
}
