//! The connection to MongoDB. It is made when it is first needed, so that a process can start
//! without a server, and its calls have deadlines, so that a caller that retries notices a failure
//! early.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::{DocumentId, RequestId, SettingsError};
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::error::Error;
use mongodb::options::{
    Acknowledgment, ClientOptions, CollectionOptions, ReadConcern, ReadPreference,
    SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Collection};
use secrecy::SecretString;
use tokio::sync::OnceCell;

use super::deadline::{CALL_TIMEOUT, SCHEMA_TIMEOUT, within};
use super::read_indexes::ReadIndexes;
use super::retention::{ACCEPTED_AT, STORED_AT};
use super::titles::Titles;
use super::uri::MongoUri;
use super::version::{self, SchemaVersion, Version};
use super::{names, read, removal, retention, write};
use crate::error::StoreError;
use crate::{
    ExpandedRange, KnownDocument, LinkDocument, LinkStatus, LinkStore, RequestCounts, WriteOutcome,
};

/// How long to search for a usable server, and to connect to it, unless the connection string sets
/// another time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a majority may take to acknowledge a write before its outcome counts as unknown,
/// unless the connection string sets another time.
const MAJORITY_TIMEOUT: Duration = Duration::from_secs(10);

/// The store in a collection of MongoDB.
#[derive(Debug)]
pub struct MongoStore {
    uri: MongoUri,
    database: String,
    collection: String,
    videos: String,
    jobs: String,
    connected: OnceCell<Connected>,
    version: SchemaVersion,
    /// The indexes that only reads of videos need.
    pub(super) read_indexes: ReadIndexes,
}

/// The collections.
#[derive(Debug)]
struct Connected {
    documents: Collection<RawDocumentBuf>,
    videos: Collection<RawDocumentBuf>,
    requests: Collection<RawDocumentBuf>,
    processes: Collection<RawDocumentBuf>,
    jobs: Collection<RawDocumentBuf>,
    /// Where their version is; read from the primary, as a majority has it.
    versions: Collection<Version>,
    titles: Titles,
}

impl MongoStore {
    /// Checks the settings. Does not connect: the server need not be reachable yet.
    ///
    /// # Errors
    /// Fails if the connection string or a name can never work. The error names the setting and
    /// never shows a password.
    pub fn new(
        uri: &SecretString,
        database: &str,
        collection: &str,
        videos: &str,
    ) -> Result<Self, SettingsError> {
        names::check(database, collection, videos)?;
        Ok(Self {
            uri: MongoUri::parse(uri)?,
            database: database.to_owned(),
            collection: collection.to_owned(),
            videos: videos.to_owned(),
            jobs: names::jobs(collection),
            connected: OnceCell::new(),
            version: SchemaVersion::default(),
            read_indexes: ReadIndexes::default(),
        })
    }

    /// Returns the collection of documents.
    pub(super) async fn collection(&self) -> Result<&Collection<RawDocumentBuf>, StoreError> {
        Ok(&self.connected().await?.documents)
    }

    /// Returns the collection of the videos' rows.
    pub(super) async fn videos_collection(
        &self,
    ) -> Result<&Collection<RawDocumentBuf>, StoreError> {
        Ok(&self.connected().await?.videos)
    }

    /// Returns the collection of the requests' rows.
    pub(super) async fn requests_collection(
        &self,
    ) -> Result<&Collection<RawDocumentBuf>, StoreError> {
        Ok(&self.connected().await?.requests)
    }

    /// Returns the collection of the processes' rows.
    pub(super) async fn processes_collection(
        &self,
    ) -> Result<&Collection<RawDocumentBuf>, StoreError> {
        Ok(&self.connected().await?.processes)
    }

    /// Returns the collection of jobs.
    pub(super) async fn jobs_collection(&self) -> Result<&Collection<RawDocumentBuf>, StoreError> {
        Ok(&self.connected().await?.jobs)
    }

    /// Returns the titles beside the videos' rows.
    pub(super) async fn titles(&self) -> Result<&Titles, StoreError> {
        Ok(&self.connected().await?.titles)
    }

    /// Returns the collections, unless a newer program has used them.
    async fn connected(&self) -> Result<&Connected, StoreError> {
        let connecting = self.connected.get_or_try_init(|| self.connect());
        let connected = within(CALL_TIMEOUT, connecting).await?;
        let checked = self.version.check(&connected.versions, &self.collection);
        within(CALL_TIMEOUT, checked).await?;
        Ok(connected)
    }

    async fn connect(&self) -> Result<Connected, Error> {
        let options = with_defaults(self.uri.client_options().await?);
        let set = options.write_concern.as_ref().and_then(|concern| concern.w_timeout);
        // On most servers a majority implies `journal`, but not on all: without it, some
        // acknowledge writes that a killed server loses.
        let durable = WriteConcern::builder()
            .w(Acknowledgment::Majority)
            .journal(true)
            .w_timeout(set.unwrap_or(MAJORITY_TIMEOUT))
            .build();
        let options_of_collection = CollectionOptions::builder().write_concern(durable).build();
        let mut options_of_versions = options_of_collection.clone();
        options_of_versions.read_concern = Some(ReadConcern::majority());
        options_of_versions.selection_criteria =
            Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let database = Client::with_options(options)?.database(&self.database);
        let collection =
            |name: &str| database.collection_with_options(name, options_of_collection.clone());
        Ok(Connected {
            documents: collection(&self.collection),
            videos: collection(&self.videos),
            requests: collection(&names::of_requests(&self.collection)),
            processes: collection(&names::of_processes(&self.collection)),
            jobs: collection(&self.jobs),
            titles: Titles::new(&database, &self.videos, options_of_collection.clone()),
            versions: database.collection_with_options(version::COLLECTION, options_of_versions),
        })
    }
}

/// Sets what the connection string does not set.
fn with_defaults(mut options: ClientOptions) -> ClientOptions {
    options.app_name.get_or_insert_with(|| "linkrelay".to_owned());
    options.server_selection_timeout.get_or_insert(CONNECT_TIMEOUT);
    options.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
    options
}

#[async_trait]
impl LinkStore for MongoStore {
    /// Documents need no index beside that on `_id`, so only the version is written.
    async fn ensure_schema(&self) -> Result<(), StoreError> {
        let versions = &self.connected().await?.versions;
        within(CALL_TIMEOUT, self.version.raise(versions, &self.collection)).await
    }

    async fn write_batch(
        &self,
        documents: &[LinkDocument],
    ) -> Result<Vec<WriteOutcome>, StoreError> {
        let Connected { documents: collection, videos, titles, .. } = self.connected().await?;
        within(CALL_TIMEOUT, write::write_batch(collection, (videos, titles), documents)).await
    }

    async fn find(&self, ids: &[DocumentId]) -> Result<Vec<LinkDocument>, StoreError> {
        let collection = self.collection().await?.clone_with_type::<Document>();
        read::find(&collection, ids).await
    }

    async fn known(&self, ids: &[DocumentId]) -> Result<Vec<KnownDocument>, StoreError> {
        let collection = self.collection().await?.clone_with_type::<KnownDocument>();
        read::known(&collection, ids).await
    }

    /// There is no journal.
    async fn done(&self, _: &[DocumentId]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn request_counts(&self, request_id: RequestId) -> Result<RequestCounts, StoreError> {
        let collection = self.collection().await?.clone_with_type::<Document>();
        read::request_counts(&collection, request_id).await
    }

    async fn request_links(
        &self,
        request_id: RequestId,
        from_index: u32,
        limit: u32,
    ) -> Result<Vec<LinkStatus>, StoreError> {
        let collection = self.collection().await?.clone_with_type::<read::LinkRow>();
        read::request_links(&collection, request_id, from_index, limit).await
    }

    async fn request_expansions(
        &self,
        request_id: RequestId,
    ) -> Result<Vec<ExpandedRange>, StoreError> {
        let collection = self.collection().await?.clone_with_type::<read::ExpandedRow>();
        read::request_expansions(&collection, request_id).await
    }

    async fn delete_request(
        &self,
        request_id: RequestId,
        deleted_at: Timestamp,
    ) -> Result<u64, StoreError> {
        let Connected { documents: collection, videos, titles, requests, .. } =
            self.connected().await?;
        let deleting = async {
            let rows = (videos, titles);
            let deleted = removal::delete_request(collection, rows, request_id, deleted_at).await?;
            removal::forget_request(requests, request_id).await?;
            Ok::<_, StoreError>(deleted)
        };
        within(CALL_TIMEOUT, deleting).await
    }

    /// A missing index is only logged: without it, documents are kept, and everything else works.
    async fn set_retention(&self, keep_for: Option<Duration>) -> Result<(), StoreError> {
        let Connected { documents, videos, requests, .. } = self.connected().await?;
        for (collection, field) in
            [(documents, STORED_AT), (videos, STORED_AT), (requests, ACCEPTED_AT)]
        {
            let set = retention::set(collection, field, keep_for);
            let problem = within(SCHEMA_TIMEOUT, set).await?;
            if let Some(problem) = problem {
                tracing::warn!(
                    "documents, videos and requests are not removed as KEEP_DOCUMENTS_FOR says, \
                     because the index for that cannot be changed: {problem}"
                );
            }
        }
        Ok(())
    }

    /// The server removes them by itself.
    async fn remove_expired(&self, _: Timestamp, _: u32) -> Result<u32, StoreError> {
        Ok(0)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let database = self.collection().await?.client().database(&self.database);
        let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
        let ping = database.run_command(doc! { "ping": 1 }).selection_criteria(primary);
        within(CALL_TIMEOUT, ping.into_future()).await.map(drop)
    }
}
