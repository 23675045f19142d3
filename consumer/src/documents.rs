//! What the store has of links, asked until it answers: the documents are the truth about what is
//! done, so without an answer there is nothing to go on with.

use std::collections::HashMap;
use std::sync::Arc;

use linkrelay_common::DocumentId;
use linkrelay_common::until::until_it_works;
use linkrelay_store::{KnownDocument, LinkDocument, LinkStore, StoreError};

use crate::retry::Pauses;

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
        let found = until_answered("is this link known", || self.0.find(ids)).await;
        found.into_iter().next()
    }

    /// Tells the store that these links are done.
    pub(crate) async fn done(&self, ids: &[DocumentId]) {
        until_answered("these links are done", || self.0.done(ids)).await;
    }
}

/// That the store is away is reported by the watch of the store.
async fn until_answered<T, F>(question: &str, ask: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    let log = |error| {
        tracing::debug!(question, %error, "the store did not answer; it is asked again");
    };
    until_it_works(Pauses::OF_STORE.for_ever(), ask, log).await
}
