//! The state that all handlers share.

use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::{LinkError, LinkTarget, parse_link, parse_target};
use linkrelay_http::intake::IntakeSettings;
use linkrelay_http::keys::Access;
use linkrelay_kafka::GroupSettings;
use linkrelay_store::Store;
use tokio_util::sync::CancellationToken;

use crate::accept::Accept;
use crate::client_slots::ClientSlots;
use crate::dlq::jobs::ReplayJobs;
use crate::dlq::listing::Listing;
use crate::error::ApiError;
use crate::events::Hub;
use crate::export::Exports;
use crate::forward::ExtractorServer;
use crate::history::History;
use crate::lag::LagReading;
use crate::requests::RequestLog;
use crate::stats::StatsCache;
use crate::thumbnails::Thumbnails;

/// The handlers share it behind an `Arc`.
#[derive(Debug)]
pub(crate) struct AppState {
    pub(crate) accept: Arc<dyn Accept>,
    /// The server to which requests of the waiting path are forwarded.
    pub(crate) extractor_server: ExtractorServer,
    pub(crate) store: Arc<dyn Store>,
    /// Takes the rows of accepted requests.
    pub(crate) requests: RequestLog,
    /// The requests whose events are watched.
    pub(crate) events: Hub,
    /// The dead letters.
    pub(crate) letters: Listing,
    /// The replays of dead letters.
    pub(crate) replays: ReplayJobs,
    /// The group of the consumers.
    pub(crate) group: GroupSettings,
    /// The exports that are open.
    pub(crate) exports: Exports,
    /// The statistics, computed once for all clients.
    pub(crate) stats: StatsCache,
    /// What the deployment did in the last hour.
    pub(crate) history: History,
    /// How far the consumers are behind.
    pub(crate) lag: LagReading,
    /// The thumbnails of videos.
    pub(crate) thumbnails: Thumbnails,
    /// What each client has of the slots.
    pub(crate) client_slots: ClientSlots,
    /// The limits of a request.
    pub(crate) intake: IntakeSettings,
    /// Whether playlists and channels are accepted, because the consumers can expand them.
    pub(crate) takes_lists: bool,
    /// Who may use the API.
    pub(crate) access: Access,
    /// How long a session lasts.
    pub(crate) session_duration: Duration,
    /// How long the queries of one request to the store may take.
    pub(crate) store_timeout: Duration,
    /// The longest `?wait=`.
    pub(crate) max_wait: Duration,
    /// Cancelled when the role stops: no answer waits any longer.
    pub(crate) stopping: CancellationToken,
}

impl AppState {
    /// Waits for the store, but not longer than a request may.
    ///
    /// # Errors
    /// [`ApiError::StoreTimeout`] after that time, otherwise those of what was asked.
    pub(crate) async fn in_time<T, E: Into<ApiError>>(
        &self,
        asked: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ApiError> {
        let answer = tokio::time::timeout(self.store_timeout, asked).await;
        answer.map_err(|_| ApiError::StoreTimeout)?.map_err(Into::into)
    }

    /// Returns what a link of the Kafka path names.
    ///
    /// # Errors
    /// Why the link is rejected.
    pub(crate) fn target_of(&self, link: &str) -> Result<LinkTarget, LinkError> {
        if self.takes_lists { parse_target(link) } else { parse_link(link).map(LinkTarget::Video) }
    }
}
