//! Publishes the links that are in the journal and not in the broker.

use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::health::Part;
use linkrelay_common::until::until_it_works;
use linkrelay_kafka::LinkRecord;
use linkrelay_kafka::publish::{Publish, publish_until_acked};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::journal::{Journal, JournalError, pauses};

/// How many records are sent before their acknowledgements are awaited.
const BATCH_LINKS: usize = 1_000;

/// Publishes the records that an earlier process has left in the journal, then those from
/// `unpublished`.
///
/// Each record is tried until the broker has it, or until `stop`; what is not published by then
/// stays in the journal.
///
/// A record may be published twice if its acknowledgement is late; both have the same document id,
/// so there is one document.
pub(crate) async fn republish_pending(
    journal: Arc<dyn Journal>,
    publish: Arc<dyn Publish>,
    mut unpublished: mpsc::Receiver<LinkRecord>,
    timeout: Duration,
    part: Part,
    stop: CancellationToken,
) {
    let republishing = async {
        let left = read_pending(journal.as_ref(), &part).await;
        if !left.is_empty() {
            let links_total = left.len();
            tracing::info!(links_total, "publishing {links_total} links of an earlier process");
        }
        for batch in left.chunks(BATCH_LINKS) {
            publish_until_acked(publish.as_ref(), batch.to_vec(), timeout, |_| ()).await;
        }
        let mut batch = Vec::new();
        while unpublished.recv_many(&mut batch, BATCH_LINKS).await > 0 {
            publish_until_acked(publish.as_ref(), std::mem::take(&mut batch), timeout, |_| ())
                .await;
        }
    };
    stop.run_until_cancelled(republishing).await;
}

async fn read_pending(journal: &dyn Journal, part: &Part) -> Vec<LinkRecord> {
    let failed = |error: JournalError| part.fails(error.to_string());
    let left = until_it_works(pauses(), || journal.pending(), failed).await;
    part.ok();
    left
}
