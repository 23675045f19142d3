//! The part of the producer's own kinds of slots that one client may have.

use std::sync::Arc;

use linkrelay_http::client::{Limit, Shares, share_of};

use crate::config::ApiSettings;

static WAITING: Limit = Limit {
    label: "waiting",
    code: "client_waiting",
    what: "requests that wait for the extractor server",
    setting: "CLIENT_SLOTS_PERCENT",
};
static STREAMS: Limit = Limit {
    label: "streams",
    code: "client_streams",
    what: "event streams",
    setting: "CLIENT_SLOTS_PERCENT",
};
static EXPORTS: Limit = Limit {
    label: "exports",
    code: "client_exports",
    what: "exports",
    setting: "CLIENT_SLOTS_PERCENT",
};

/// What each client has of them.
#[derive(Debug)]
pub(crate) struct ClientSlots {
    /// Of `MAX_WAITING_REQUESTS`.
    pub(crate) waiting: Arc<Shares>,
    /// Of `MAX_EVENT_STREAMS`.
    pub(crate) streams: Arc<Shares>,
    /// Of `MAX_EXPORTS`.
    pub(crate) exports: Arc<Shares>,
}

impl ClientSlots {
    pub(crate) fn new(api: &ApiSettings) -> Self {
        let of =
            |limit, total| Shares::new(limit, share_of(total, api.intake.client_slots_percent));
        Self {
            waiting: of(&WAITING, api.max_waiting_requests),
            streams: of(&STREAMS, api.max_event_streams),
            exports: of(&EXPORTS, api.max_exports),
        }
    }
}
