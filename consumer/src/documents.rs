//! What the store has of links, asked until it answers: the documents are the truth about what is
//! done, so without an answer there is nothing to go on with.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::DocumentId;
use linkrelay_store::{KnownDocument, LinkDocument, LinkStore, StoreError};

use crate::retry::waits_for_ever;

const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// The store, for questions that have to be answered.
///
/// # Cancel safety
/// Each of its methods asks only, or may be asked again: they can be dropped at any moment.
#[derive(Debug, Clone)]
pub(crate) struct Documents(pub(crate) Arc<dyn LinkStore>);

impl Documents {
    /// What is known of these links; those without a document are left out.
    pub(crate) async fn known(&self, ids: &[DocumentId]) -> HashMap<DocumentId, KnownDocument> {
        let known = until_answered("which links are done", || self.0.known(ids)).await;
        known.into_iter().map(|known| (known.id.clone(), known)).collect()
    }

    /// One whole document.
    pub(crate) async fn find(&self, id: &DocumentId) -> Option<LinkDocument> {
        let ids = std::slice::from_ref(id);
        until_answered("is this link known", || self.0.find(ids)).await.into_iter().next()
    }

    /// Tells the store that these links are done.
    pub(crate) async fn done(&self, ids: &[DocumentId]) {
        until_answered("these links are done", || self.0.done(ids)).await;
    }
}

/// That the store is away is reported by the watch of the store.
async fn until_answered<T, F>(question: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut waits = waits_for_ever(BACKOFF_MIN, BACKOFF_MAX);
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => {
                tracing::debug!(question, %error, "the store did not answer; it is asked again");
                tokio::time::sleep(waits.next().unwrap_or(BACKOFF_MAX)).await;
            }
        }
    }
}
