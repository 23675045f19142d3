//! What the store has of links, asked until it answers: only the documents show which links are
//! complete, so work cannot continue without an answer.

use std::collections::HashMap;
use std::sync::Arc;

use linkrelay_common::DocumentId;
use linkrelay_common::until::until_it_works;
use linkrelay_store::{KnownDocument, LinkDocument, LinkStore, StoreError};

use crate::retry::Pauses;

/// The store, for queries that are repeated until it answers.
///
/// # Cancel safety
/// All methods only read, or may be repeated: they can be dropped at any time.
#[derive(Debug, Clone)]
pub(crate) struct Documents(pub(crate) Arc<dyn LinkStore>);

impl Documents {
    /// Returns what the store has of these links; those without a document are left out.
    pub(crate) async fn known(&self, ids: &[DocumentId]) -> HashMap<DocumentId, KnownDocument> {
        let known = until_answered("which links are done", || self.0.known(ids)).await;
        known.into_iter().map(|known| (known.id.clone(), known)).collect()
    }

    /// Returns the complete document of a link, if there is one.
    pub(crate) async fn find(&self, id: &DocumentId) -> Option<LinkDocument> {
        self.find_all(std::slice::from_ref(id)).await.into_iter().next()
    }

    /// Returns the complete documents of these links, in no particular order; those without one are
    /// left out.
    pub(crate) async fn find_all(&self, ids: &[DocumentId]) -> Vec<LinkDocument> {
        until_answered("what are these links' documents", || self.0.find(ids)).await
    }

    /// Reports to the store that these links are complete.
    pub(crate) async fn done(&self, ids: &[DocumentId]) {
        until_answered("these links are done", || self.0.done(ids)).await;
    }
}

/// Queries the store until it answers. An unreachable store is reported by the watch of the store.
async fn until_answered<T, F>(query: &str, ask: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    let log = |error| {
        tracing::debug!(query, %error, "the store did not answer a query; the query is repeated");
    };
    until_it_works(Pauses::OF_STORE.forever(), ask, log).await
}
