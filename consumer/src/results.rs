//! Publishes results: each document that the store has acknowledged, before its record is complete.
//!
//! A result says what the store has. So where a document was there already, the store's is read and
//! published, not the one that was to be written. It retries forever, like a write to the store.
//! It must not know: offsets, or whether a client waits.

use std::sync::Arc;

use futures::future::join_all;
use linkrelay_common::metrics as names;
use linkrelay_common::until::until_it_works_with;
use linkrelay_common::{DocumentId, health::Part};
use linkrelay_kafka::publish::{PublishResults, WriteError};
use linkrelay_store::{LinkDocument, WriteOutcome};
use metrics::counter;

use crate::documents::Documents;
use crate::result_record::{self, Form};
use crate::retry::Pauses;
use crate::waiting::RetriedWrites;

/// How many documents are read at once to publish them again.
const DOCUMENTS_PER_QUERY: usize = 100;

/// Publishes results, if there is a topic for them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Results(Option<ToTopic>);

#[derive(Debug, Clone)]
struct ToTopic {
    publish: Arc<dyn PublishResults>,
    documents: Documents,
    writes: RetriedWrites,
}

impl Results {
    /// Makes it; `part` is made, and works until a result cannot be published, only if there is
    /// something to publish to.
    pub(crate) fn new(
        publish: Option<Arc<dyn PublishResults>>,
        documents: Documents,
        part: impl FnOnce() -> Part,
    ) -> Self {
        let to_topic = |publish| {
            let writes = RetriedWrites::new(part());
            ToTopic { publish, documents, writes }
        };
        Self(publish.map(to_topic))
    }

    /// Returns the part by which readiness reports it.
    pub(crate) fn part(&self) -> Option<Part> {
        self.0.as_ref().map(|to| to.writes.part())
    }

    /// Publishes what the store has after a batch was written with these outcomes.
    ///
    /// # Cancel safety
    /// When dropped, some results are published: the records must be delivered again.
    pub(crate) async fn written(&self, documents: &[LinkDocument], outcomes: &[WriteOutcome]) {
        let Some(to) = &self.0 else { return };
        let (mut new, mut there) = (Vec::new(), Vec::new());
        for (document, outcome) in documents.iter().zip(outcomes) {
            match outcome {
                WriteOutcome::Inserted | WriteOutcome::Replaced => new.push(document),
                WriteOutcome::AlreadyThere => there.push(document.id.clone()),
                WriteOutcome::Refused { .. } => {}
            }
        }
        to.publish_all(new).await;
        to.publish_found(&there).await;
    }

    /// Publishes the documents of these links, which the store had before.
    ///
    /// # Cancel safety
    /// The same as of [`written`](Self::written).
    pub(crate) async fn found(&self, ids: &[DocumentId]) {
        if let Some(to) = &self.0 {
            to.publish_found(ids).await;
        }
    }

    /// Publishes documents as they are in the store.
    ///
    /// # Cancel safety
    /// The same as of [`written`](Self::written).
    pub(crate) async fn stored(&self, documents: impl IntoIterator<Item = &LinkDocument>) {
        if let Some(to) = &self.0 {
            to.publish_all(documents).await;
        }
    }
}

impl ToTopic {
    async fn publish_found(&self, ids: &[DocumentId]) {
        for ids in ids.chunks(DOCUMENTS_PER_QUERY) {
            let found = self.documents.find_all(ids).await;
            self.publish_all(&found).await;
        }
    }

    async fn publish_all(&self, documents: impl IntoIterator<Item = &LinkDocument>) {
        let results = documents.into_iter().filter(|document| result_record::is_result(document));
        join_all(results.map(|document| self.publish(document))).await;
    }

    /// Publishes one result until the broker has it, in a smaller form if it is refused.
    async fn publish(&self, document: &LinkDocument) {
        let mut write = self.writes.begin();
        let attempt = |form| self.publish_some_form(document, form);
        let failed = |error| {
            counter!(names::RESULTS_FAILED).increment(1);
            write.failed(format!("a result cannot be published: {error}"));
        };
        let pauses = Pauses::OF_RESULTS.forever();
        until_it_works_with(Form::Whole, pauses, attempt, failed).await;
        counter!(names::RESULTS).increment(1);
    }

    /// Tries to publish a result, and after each permanent refusal its next smaller form.
    ///
    /// # Errors
    /// The error of the last form that was tried, with that form.
    async fn publish_some_form(
        &self,
        document: &LinkDocument,
        mut form: Form,
    ) -> Result<(), (Form, WriteError)> {
        loop {
            let record = result_record::of(document, form);
            let Err(error) = self.publish.publish(&record).await else { return Ok(()) };
            let smaller = match error {
                WriteError::Refused(_) => form.smaller(),
                WriteError::NotNow(_) => None,
            };
            let Some(smaller) = smaller else { return Err((form, error)) };
            tracing::warn!(
                document_id = %document.id, video_id = document.video_id,
                value_bytes = record.value.len(), %error,
                "the broker refuses a result as it is: a smaller one is tried"
            );
            form = smaller;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use async_trait::async_trait;
    use linkrelay_common::health::Health;
    use linkrelay_kafka::publish::ResultRecord;
    use linkrelay_kafka::topic::TopicError;
    use linkrelay_store::LinkStore;
    use linkrelay_store::testing::FaultyStore;
    use rdkafka::types::RDKafkaErrorCode;
    use serde_json::Value;

    use super::*;
    use crate::result_record::tests::{failed, read, stored};

    /// Fails with these errors, then takes everything.
    #[derive(Debug, Default)]
    struct Topic {
        errors: Mutex<VecDeque<WriteError>>,
        tried: Mutex<Vec<ResultRecord>>,
        taken: Mutex<Vec<ResultRecord>>,
    }

    #[async_trait]
    impl PublishResults for Topic {
        async fn publish(&self, result: &ResultRecord) -> Result<(), WriteError> {
            self.tried.lock().unwrap().push(result.clone());
            match self.errors.lock().unwrap().pop_front() {
                Some(error) => Err(error),
                None => {
                    self.taken.lock().unwrap().push(result.clone());
                    Ok(())
                }
            }
        }

        async fn check(&self) -> Result<(), TopicError> {
            Ok(())
        }

        fn fatal_error(&self) -> Option<String> {
            None
        }
    }

    impl Topic {
        fn failing(errors: impl IntoIterator<Item = WriteError>) -> Arc<Self> {
            Arc::new(Self { errors: Mutex::new(errors.into_iter().collect()), ..Self::default() })
        }

        /// The values that it took.
        fn values(&self) -> Vec<Value> {
            let taken = self.taken.lock().unwrap();
            taken.iter().map(|result| serde_json::from_slice(&result.value).unwrap()).collect()
        }
    }

    fn results(topic: &Arc<Topic>, store: &Arc<FaultyStore>, health: &Health) -> Results {
        let publish: Arc<dyn PublishResults> = Arc::<Topic>::clone(topic);
        let documents = Documents(Arc::<FaultyStore>::clone(store));
        Results::new(Some(publish), documents, || health.part("results"))
    }

    #[tokio::test]
    async fn a_result_says_what_the_store_has() {
        let (topic, store) = (Topic::failing([]), Arc::new(FaultyStore::default()));
        let results = results(&topic, &store, &Health::default());
        let mut first = read(&stored());
        first.source = Some("first".to_owned());
        store.write_batch(&[first]).await.unwrap();
        let new = read(&failed("permanent"));
        let document = |outcome: WriteOutcome| {
            let (results, new) = (results.clone(), new.clone());
            async move { results.written(&[new], &[outcome]).await }
        };
        document(WriteOutcome::AlreadyThere).await;
        document(WriteOutcome::Replaced).await;
        document(WriteOutcome::Refused { reason: "too large".to_owned() }).await;
        document(WriteOutcome::Inserted).await;
        let statuses: Vec<_> = topic.values().iter().map(|value| value["status"].clone()).collect();
        assert_eq!(statuses, ["stored", "failed", "failed"]);
        assert_eq!(topic.values()[0]["source"], "first");
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_is_published_until_the_broker_has_it_and_the_part_fails_meanwhile() {
        let not_now = || WriteError::NotNow("no such topic".to_owned());
        let topic = Topic::failing([not_now(), not_now(), not_now()]);
        let (store, health) = (Arc::new(FaultyStore::default()), Health::default());
        let results = results(&topic, &store, &health);
        let part = results.part().unwrap();
        let document = read(&stored());
        let publishing = results.stored([&document]);
        tokio::pin!(publishing);
        let second = std::time::Duration::from_millis(1);
        assert!(tokio::time::timeout(second, &mut publishing).await.is_err());
        let failure = part.current_failure().unwrap();
        assert!(failure.contains("no such topic"), "{failure}");
        publishing.await;
        assert_eq!((part.current_failure(), topic.values().len()), (None, 1));
        let tried = topic.tried.lock().unwrap();
        assert_eq!(tried.len(), 4);
        assert!(tried.iter().all(|result| *result == tried[0]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_result_gets_smaller_and_stays_small() {
        let too_large = || WriteError::Refused(RDKafkaErrorCode::MessageSizeTooLarge);
        let not_now = WriteError::NotNow("no broker".to_owned());
        let topic = Topic::failing([too_large(), not_now, too_large(), too_large()]);
        let store = Arc::new(FaultyStore::default());
        results(&topic, &store, &Health::default()).stored([&read(&stored())]).await;
        let sizes: Vec<usize> =
            topic.tried.lock().unwrap().iter().map(|result| result.value.len()).collect();
        assert!(sizes[0] > sizes[1] && sizes[1] == sizes[2] && sizes[2] > sizes[3], "{sizes:?}");
        assert!(sizes[3] == sizes[4] && sizes.len() == 5, "{sizes:?}");
        assert!(topic.values()[0]["video"].is_null());
    }

    #[tokio::test]
    async fn without_a_topic_nothing_is_read_and_no_part_is_made() {
        let store = Arc::new(FaultyStore::default());
        store.set_down(true);
        let documents = Documents(Arc::<FaultyStore>::clone(&store));
        let results = Results::new(None, documents, || unreachable!("no part is needed"));
        results.found(&[read(&stored()).id]).await;
        results.written(&[read(&stored())], &[WriteOutcome::AlreadyThere]).await;
        assert!(results.part().is_none());
    }
}
