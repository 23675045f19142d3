//! A document as a result: which documents are results, the record of one, and smaller forms of it
//! for a broker that refuses the whole one.

use jiff::Timestamp;
use linkrelay_common::ErrorClass;
use linkrelay_kafka::ResultHeaders;
use linkrelay_kafka::publish::ResultRecord;
use linkrelay_store::{LinkDocument, LinkState};

/// In the smallest form, texts of any length are truncated to this.
const MAX_TEXT_CHARS: usize = 200;

/// How much of a document a result has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    WithoutDescription,
    /// Without the metadata, and with the first part of the link and of the error.
    Smallest,
}

impl Form {
    /// Returns the form to try after a refusal; `None` if this one is the smallest.
    pub(crate) fn smaller(self) -> Option<Self> {
        match self {
            Self::Whole => Some(Self::WithoutDescription),
            Self::WithoutDescription => Some(Self::Smallest),
            Self::Smallest => None,
        }
    }
}

/// Returns whether a document is a result: a link's metadata, or why it has none. A list is not a
/// result, because each of its videos is one; nor is a record that could not be read, or a deleted
/// document.
pub(crate) fn is_result(document: &LinkDocument) -> bool {
    match document.status {
        LinkState::Stored => true,
        LinkState::Failed => {
            let class = document.error.as_ref().map(|error| error.class);
            class != Some(ErrorClass::Malformed)
        }
        LinkState::Expanded | LinkState::Deleted => false,
    }
}

/// Returns a document as a record of the topic of results.
pub(crate) fn of(document: &LinkDocument, form: Form) -> ResultRecord {
    let mut document = as_read_from_store(document.clone());
    let mut value = json(&document);
    let whole_bytes = value.len();
    if form != Form::Whole {
        truncate(&mut document, form);
        value = json(&document);
    }
    let headers = ResultHeaders {
        status: document.status.as_str().to_owned(),
        truncated_bytes: (form != Form::Whole).then_some(whole_bytes),
        video_id: document.video_id,
    };
    ResultRecord { document_id: document.id, headers, value }
}

fn json(document: &LinkDocument) -> Vec<u8> {
    // No field of a document can fail to serialize: no map has keys that are not texts.
    serde_json::to_vec(document).unwrap_or_default()
}

fn truncate(document: &mut LinkDocument, form: Form) {
    if form == Form::WithoutDescription {
        if let Some(video) = &mut document.video {
            video.description = None;
        }
        return;
    }
    document.video = None;
    document.link = start(&document.link);
    document.video_id = document.video_id.as_deref().map(start);
    if let Some(error) = &mut document.error {
        (error.code, error.message) = (start(&error.code), start(&error.message));
    }
}

fn start(text: &str) -> String {
    text.chars().take(MAX_TEXT_CHARS).collect()
}

/// Returns the document with the times that MongoDB keeps, in milliseconds, so that a result that is
/// sent again after the document was read from the store is the same.
fn as_read_from_store(mut document: LinkDocument) -> LinkDocument {
    document.stored_at = in_milliseconds(document.stored_at);
    document.submitted_at = document.submitted_at.map(in_milliseconds);
    document.extracted_at = document.extracted_at.map(in_milliseconds);
    if let Some(video) = &mut document.video {
        video.publish_date = video.publish_date.map(in_milliseconds);
    }
    document
}

fn in_milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

#[cfg(test)]
pub(crate) mod tests {
    use rdkafka::message::Headers;
    use serde_json::{Value, json};

    use super::*;

    /// A document as JSON, with the times of a process's clock.
    pub(crate) fn stored() -> Value {
        json!({
            "_id": "R:0", "request_id": null, "index": 0, "link": "youtu.be/5fR9AHlSDtc",
            "video_id": "5fR9AHlSDtc", "status": "stored",
            "video": {
                "title": "A title", "description": "d".repeat(3_000),
                "author": {"name": "N", "channel_id": null, "url": null, "subscribers": null,
                    "verified": null},
                "length_seconds": 12, "view_count": null, "like_count": null,
                "publish_date": "2026-11-28T00:00:00Z", "category": null,
                "keywords": vec!["k".repeat(90); 20], "thumbnails": [], "availability": "ok",
                "is_live": false, "is_upcoming": false, "family_safe": null, "chapters": [],
            },
            "error": null, "source": "watch_page", "submitted_at": "2026-11-29T01:02:03.000000001Z",
            "extracted_at": "2026-11-29T01:02:04.1239Z", "stored_at": "2026-11-29T01:02:05.123456789Z",
            "kafka": {"topic": "T", "partition": 0, "offset": 1, "timestamp": 2},
        })
    }

    /// The same link, which failed with this class.
    pub(crate) fn failed(class: &str) -> Value {
        let mut document = stored();
        document["status"] = "failed".into();
        document["video"] = Value::Null;
        let error = json!({"class": class, "code": "c", "message": "m".repeat(900), "attempts": 1});
        document["error"] = error;
        document
    }

    pub(crate) fn read(document: &Value) -> LinkDocument {
        serde_json::from_value(document.clone()).unwrap()
    }

    fn with_status(status: &str) -> LinkDocument {
        LinkDocument { status: serde_json::from_value(status.into()).unwrap(), ..read(&stored()) }
    }

    fn headers(record: &ResultRecord) -> Vec<(String, String)> {
        let headers = record.headers.to_kafka();
        let texts = headers.iter().map(|header| {
            let value = String::from_utf8(header.value.unwrap().to_vec()).unwrap();
            (header.key.to_owned(), value)
        });
        texts.collect()
    }

    #[test]
    fn links_with_an_outcome_of_their_own_are_results() {
        assert!(is_result(&read(&stored())));
        for (class, expected) in [("permanent", true), ("transient", true), ("malformed", false)] {
            assert_eq!(is_result(&read(&failed(class))), expected, "{class}");
        }
        assert!(!is_result(&with_status("expanded")) && !is_result(&with_status("deleted")));
    }

    #[test]
    fn a_result_is_the_document_with_the_times_that_the_store_keeps() {
        let record = of(&read(&stored()), Form::Whole);
        let value: Value = serde_json::from_slice(&record.value).unwrap();
        // What is null in the test's document, or has another spelling there, is the document's own.
        let mut expected = serde_json::to_value(read(&stored())).unwrap();
        expected["submitted_at"] = "2026-11-29T01:02:03Z".into();
        expected["extracted_at"] = "2026-11-29T01:02:04.123Z".into();
        expected["stored_at"] = "2026-11-29T01:02:05.123Z".into();
        assert_eq!(value, expected);
        let texts = [
            ("linkrelay-video-id", "5fR9AHlSDtc"),
            ("linkrelay-status", "stored"),
            ("linkrelay-schema-version", "1"),
        ];
        assert_eq!(headers(&record), texts.map(|(key, text)| (key.to_owned(), text.to_owned())));
        assert_eq!(record.document_id.as_str(), "R:0");
        // Read from the store and published again, it is the same.
        let again = serde_json::from_value(value).unwrap();
        assert_eq!(of(&again, Form::Whole), record);
    }

    #[test]
    fn each_form_is_smaller_names_the_document_and_says_what_it_was() {
        let mut long = failed("transient");
        long["link"] = "l".repeat(900_000).into();
        for document in [read(&stored()), read(&long)] {
            let whole = of(&document, Form::Whole);
            let forms = std::iter::successors(Some(Form::Whole), |form| form.smaller());
            let forms: Vec<ResultRecord> = forms.map(|form| of(&document, form)).collect();
            assert_eq!(forms.len(), 3);
            for form in &forms[1..] {
                let truncated = ("linkrelay-truncated".to_owned(), whole.value.len().to_string());
                assert_eq!(headers(form).last(), Some(&truncated));
                let value: Value = serde_json::from_slice(&form.value).unwrap();
                assert_eq!(value["_id"], "R:0");
                assert_eq!(value["status"], document.status.as_str());
            }
            assert!(forms[2].value.len() < 1_500, "{}", forms[2].value.len());
        }
        let without = of(&read(&stored()), Form::WithoutDescription);
        let value: Value = serde_json::from_slice(&without.value).unwrap();
        assert_eq!(
            (&value["video"]["description"], &value["video"]["title"]),
            (&Value::Null, &json!("A title"))
        );
    }
}
