//! From the links of a request to their records; knows no HTTP.

use jiff::Timestamp;
use linkrelay_common::{LinkIdentity, LinkTarget, RequestId};
use linkrelay_http::intake::CheckedLinks;
use linkrelay_kafka::LinkRecord;

/// What goes for all links of a request.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    pub(crate) force: bool,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) trace_parent: Option<String>,
}

/// Makes the records of a request, one for each valid link.
pub(crate) fn records_of(
    checked: &CheckedLinks<LinkTarget>,
    terms: &Terms,
) -> (RequestId, Vec<LinkRecord>) {
    let id = checked.request_id(terms.idempotency_key.as_deref());
    let submitted_at = Timestamp::now();
    let records = checked.documents(id).map(|(index, _, valid)| LinkRecord {
        target: valid.names.clone(),
        link: valid.link.clone(),
        force: terms.force,
        identity: LinkIdentity::OfRequest { request_id: id, index },
        submitted_at,
        trace_parent: terms.trace_parent.clone(),
    });
    (id, records.collect())
}
