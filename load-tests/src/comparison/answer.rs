//! What an answer says about documents, on both paths by the same rules (docs/API.md).

use linkrelay_common::{DocumentId, RequestId};
use serde::Deserialize;

/// Codes of links that may have a document, now or later. With every other code they have none.
const CODES_OF_THE_UNKNOWN: [&str; 4] =
    ["store_unavailable", "delivery_timeout", "broker_refused", "stopping"];
/// The code of a request that was refused before anything was done for it.
const REFUSED: &str = "overloaded";

/// An answer of the producer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Documents that are stored, or will be.
    pub(crate) promised: Vec<DocumentId>,
    /// Documents that may be stored or not, by what the answer says.
    pub(crate) left_open: Vec<DocumentId>,
}

#[derive(Debug, Default, Deserialize)]
struct AnswerBody {
    id: Option<String>,
    code: Option<String>,
    results: Option<Vec<LinkResult>>,
}

#[derive(Debug, Deserialize)]
struct LinkResult {
    status: String,
    document_id: Option<String>,
    error: Option<LinkError>,
}

#[derive(Debug, Deserialize)]
struct LinkError {
    code: String,
}

impl Answer {
    /// Reads an answer.
    pub(crate) fn read(status: u16, body: &[u8]) -> Self {
        // A refusal need not be JSON; then it does not name a document.
        let body: AnswerBody = serde_json::from_slice(body).unwrap_or_default();
        let request_id = body.id.as_deref().and_then(|id| id.parse::<RequestId>().ok());
        let mut answer = Self { status, ..Self::default() };
        match (body.results, request_id) {
            (Some(results), request_id) => answer.take_results(results, request_id),
            (None, Some(request_id)) if body.code.as_deref() != Some(REFUSED) => {
                let count = request_id.links_count();
                let ids = (0..count).map(|index| DocumentId::of_request(request_id, index));
                let is_good = (200..300).contains(&status);
                if is_good { &mut answer.promised } else { &mut answer.left_open }.extend(ids);
            }
            (None, _) => {}
        }
        answer
    }

    /// Whether links were accepted: all of them, or some.
    pub(crate) fn is_created(&self) -> bool {
        matches!(self.status, 201 | 207)
    }

    fn take_results(&mut self, results: Vec<LinkResult>, request_id: Option<RequestId>) {
        let mut index = 0;
        for result in results.into_iter().filter(|result| result.status != "rejected") {
            let named = result.document_id.map(DocumentId::from_stored);
            let counted = || Some(DocumentId::of_request(request_id?, index));
            let Some(id) = named.or_else(counted) else { continue };
            index += 1;
            let code = result.error.map(|error| error.code).unwrap_or_default();
            match result.status.as_str() {
                "accepted" | "stored" | "failed" => self.promised.push(id),
                _ if CODES_OF_THE_UNKNOWN.contains(&code.as_str()) => self.left_open.push(id),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ID: &str = "01934a5e-7d6b-7c3a-9f00-0123456789ab-2";

    fn read(status: u16, body: &Value) -> (Vec<String>, Vec<String>) {
        let texts = |ids: Vec<DocumentId>| ids.iter().map(ToString::to_string).collect();
        let answer = Answer::read(status, body.to_string().as_bytes());
        assert_eq!(answer.status, status);
        (texts(answer.promised), texts(answer.left_open))
    }

    fn ids<const N: usize>(indexes: [usize; N]) -> Vec<String> {
        indexes.map(|index| format!("{ID}:{index}")).to_vec()
    }

    #[test]
    fn a_201_of_kafka_promises_a_document_for_each_link() {
        let body = json!({ "res": "ok", "id": ID, "accepted": 2 });
        assert_eq!(read(201, &body), (ids([0, 1]), vec![]));
    }

    #[test]
    fn a_rejected_link_has_no_document_and_no_index() {
        let result = |status: &str| json!({ "status": status });
        let results =
            [result("rejected"), result("accepted"), result("rejected"), result("accepted")];
        let body = json!({ "res": "partial", "id": ID, "results": results });
        assert_eq!(read(207, &body), (ids([0, 1]), vec![]));
    }

    #[test]
    fn a_waiting_answer_says_link_by_link_which_documents_there_are() {
        let result = |index: usize, status: &str| json!({ "index": index, "status": status, "document_id": format!("{ID}:{index}") });
        let stored = json!({ "id": ID, "results": [result(0, "stored"), result(1, "failed")] });
        assert_eq!(read(201, &stored), (ids([0, 1]), vec![]));
        for (code, left_open) in [("store_unavailable", ids([1])), ("timed_out", vec![])] {
            let mut unavailable = result(1, "unavailable");
            unavailable["error"] = json!({ "code": code });
            let partly = json!({ "id": ID, "results": [result(0, "stored"), unavailable] });
            assert_eq!(read(207, &partly), (ids([0]), left_open), "{code}");
        }
    }

    #[test]
    fn a_504_that_names_the_request_leaves_its_documents_open() {
        let problem = |code: &str| json!({ "id": ID, "code": code });
        assert_eq!(read(504, &problem("wait_timeout")), (vec![], ids([0, 1])));
        assert_eq!(read(503, &problem("overloaded")), (vec![], vec![]));
    }

    #[test]
    fn a_refusal_says_nothing_about_documents() {
        assert_eq!(read(503, &json!({ "code": "overloaded" })), (vec![], vec![]));
        assert_eq!(Answer::read(502, b"<html>"), Answer { status: 502, ..Answer::default() });
    }
}
