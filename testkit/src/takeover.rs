//! One release of linkrelay takes over what another has left: the file of the embedded mode with
//! accepted links and documents in it, and files and collections that are too new for it.
//!
//! It must not know: how linkrelay works inside, but for the two numbers that say which version a
//! file and a collection have.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use linkrelay_fake_youtube::pages::id_from_name;
use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use mongodb::Client;
use mongodb::bson::{Document, doc};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kafka::KafkaBroker;
use crate::mongo::MongoServer;
use crate::site::{Role, Site};
use crate::tools::free_port;
use crate::wait::{LONG, SHORT, wait_for};

const REQUESTS: usize = 20;
const LINKS_PER_REQUEST: usize = 50;
/// So slow that most links are pending when the first release ends.
const LATENCY: Duration = Duration::from_millis(200);
const MAX_IN_FLIGHT: &str = "16";
const STORED_BEFORE: u64 = 100;
const FILE: &str = "linkrelay.sqlite";
/// No release has reached it.
const FAR_VERSION: i64 = 1_000;

/// What a release made of the file of another.
#[derive(Debug)]
pub struct Takeover {
    links: u64,
    pending: u64,
    lost: u64,
    doubled: u64,
    repeated: u64,
    /// The versions of the file, before and after.
    versions: [i64; 2],
}

impl Takeover {
    /// Whether nothing was lost and nothing doubled.
    pub fn has_passed(&self) -> bool {
        self.lost == 0 && self.doubled == 0
    }
}

impl fmt::Display for Takeover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { links, pending, lost, doubled, repeated, versions: [before, after] } = self;
        write!(f, "links {links}, of which {pending} were pending at the change, lost {lost}, ")?;
        write!(f, "doubled {doubled}, extracted again {repeated}, ")?;
        write!(f, "version of the file {before}, then {after}")
    }
}

/// `linkrelay up` of the folder `before` accepts links and is killed; that of `after` goes on with
/// its file.
///
/// # Errors
/// If `after` refuses the file, with what it says; or if a process does not do its part.
pub async fn embedded(before: &Path, after: &Path) -> Result<Takeover> {
    let (data, youtube) = (TempDir::new()?, start_youtube().await?);
    let mut relay = up(before, data.path(), &youtube)?;
    relay.start()?;
    relay.until_ready().await?;
    let mut ids = Vec::new();
    for request in 0..REQUESTS {
        let first = request * LINKS_PER_REQUEST;
        let links: Vec<String> = (first..first + LINKS_PER_REQUEST).map(link).collect();
        let body = json!({ "links": links });
        let (status, answer) = relay.post_json("/links/send-message-kafka", &body).await?;
        ensure!(status == 201, "{status} {answer}");
        ids.push(answer["id"].as_str().context("a 201 without an id")?.to_owned());
    }
    until_count(&relay, &ids, "links to be stored", |[_, stored]| stored >= STORED_BEFORE).await?;
    let [pending, _] = counts(&relay, &ids).await?;
    relay.kill()?;
    let version_before = version(data.path())?;

    relay.replace(after, Vec::new())?;
    relay.start()?;
    if let Some(said) = refusal(&mut relay).await? {
        bail!("the file is refused: {said}");
    }
    until_count(&relay, &ids, "every link to be complete", |[pending, _]| pending == 0).await?;
    relay.stop().await?;
    let file = Connection::open(data.path().join(FILE))?;
    let count = |what: &str| -> Result<u64> {
        let sql = format!("SELECT count({what}) FROM document WHERE status = 'stored'");
        Ok(u64::try_from(file.query_row(&sql, [], |row| row.get::<_, i64>(0))?)?)
    };
    let links = (REQUESTS * LINKS_PER_REQUEST) as u64;
    let (documents, distinct) = (count("*")?, count("DISTINCT link")?);
    let takeover = Takeover {
        links,
        pending,
        lost: links.saturating_sub(distinct),
        doubled: documents - distinct,
        repeated: youtube.hits().total.saturating_sub(links),
        versions: [version_before, version(data.path())?],
    };
    youtube.stop().await;
    Ok(takeover)
}

/// What `linkrelay up` of a folder says to a file of a release that does not exist yet.
///
/// # Errors
/// If it takes the file, or changes it.
pub async fn newer_file(programs: &Path) -> Result<String> {
    let (data, youtube) = (TempDir::new()?, start_youtube().await?);
    let mut relay = up(programs, data.path(), &youtube)?;
    relay.start()?;
    relay.until_ready().await?;
    relay.stop().await?;
    let file = Connection::open(data.path().join(FILE))?;
    file.pragma_update(None, "user_version", FAR_VERSION)?;
    drop(file);
    relay.start()?;
    let said = refusal(&mut relay).await?.context("it takes a file that is newer than itself")?;
    ensure!(
        version(data.path())? == FAR_VERSION,
        "it has changed a file that is newer than itself"
    );
    youtube.stop().await;
    Ok(said)
}

/// What a consumer of a folder says to collections of a release that does not exist yet.
///
/// # Errors
/// If it becomes ready on them.
pub async fn newer_collections(programs: &Path) -> Result<String> {
    let (broker, mongo) = tokio::try_join!(KafkaBroker::start(), MongoServer::start())?;
    let site = Site::start(broker, mongo, FakeYouTubeSettings::default()).await?;
    site.create_topics(1).await?;
    let client = Client::with_uri_str(site.mongo.uri()).await?;
    let versions = client.database(&site.database).collection::<Document>("linkrelay_schema");
    versions.insert_one(doc! { "_id": "youtube", "version": FAR_VERSION }).await?;
    let consumer = Role::new("consumer", programs.join("linkrelay-consumer"))?;
    let mut consumer = consumer.envs(site.env());
    consumer.start()?;
    let said = wait_for("the consumer to refuse", LONG, SHORT, async || {
        match consumer.readiness().await {
            Ok(ready) => Ok(Err(ready)),
            Err(answer) if answer.contains("schema version") => Ok(Ok(answer)),
            Err(answer) => Err(answer),
        }
    });
    let said = said.await.with_context(|| consumer.log_tail())?;
    let said = said.or_else(|ready| bail!("it is ready on newer collections: {ready}"))?;
    consumer.stop().await?;
    site.fake.stop().await;
    let said: Value = serde_json::from_str(&said)?;
    Ok(said["parts"]["store"].to_string())
}

fn up(programs: &Path, data: &Path, youtube: &FakeYouTube) -> Result<Role> {
    Ok(Role::new("up", programs.join("linkrelay"))?.args(["up"]).envs([
        ("DATA_DIR", data.display().to_string()),
        ("EXTRACTOR_ADDR", format!("127.0.0.1:{}", free_port()?)),
        ("YOUTUBE_BASE_URL", youtube.base_url()),
        ("YOUTUBE_CA_CERT", youtube.ca_cert_path().display().to_string()),
        // One request for each link, so that the fake's count shows what was extracted again.
        ("EXTRACTORS", "watch_page".to_owned()),
        ("MAX_IN_FLIGHT", MAX_IN_FLIGHT.to_owned()),
    ]))
}

async fn start_youtube() -> Result<FakeYouTube> {
    let settings = FakeYouTubeSettings { latency: LATENCY, ..FakeYouTubeSettings::default() };
    FakeYouTube::start(settings).await
}

fn link(number: usize) -> String {
    format!("https://www.youtube.com/watch?v={}", id_from_name(&format!("upgrade {number}")))
}

fn version(data: &Path) -> Result<i64> {
    let file = Connection::open(data.join(FILE))?;
    Ok(file.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// How many links of all these requests are pending, and how many stored.
async fn counts(relay: &Role, ids: &[String]) -> Result<[u64; 2]> {
    let mut sums = [0; 2];
    for id in ids {
        let (status, answer) = relay.get(&format!("/links/{id}")).await?;
        ensure!(status == 200, "{status} {answer}");
        let answer: Value = serde_json::from_str(&answer)?;
        for (sum, name) in sums.iter_mut().zip(["pending", "stored"]) {
            *sum += answer[name].as_u64().with_context(|| format!("{answer} has no {name}"))?;
        }
    }
    Ok(sums)
}

async fn until_count(
    relay: &Role,
    ids: &[String],
    what: &str,
    is_reached: impl Fn([u64; 2]) -> bool,
) -> Result<()> {
    let reached = wait_for(what, LONG * 2, SHORT * 5, async || match counts(relay, ids).await {
        Ok(counts) if is_reached(counts) => Ok(()),
        Ok([pending, stored]) => Err(format!("{pending} pending, {stored} stored")),
        Err(error) => Err(format!("{error:#}")),
    });
    reached.await.with_context(|| relay.log_tail())
}

/// What a role that has just started says if it ends instead of becoming ready.
async fn refusal(role: &mut Role) -> Result<Option<String>> {
    let decided = wait_for("the role to be ready or to end", LONG, SHORT, async || {
        let process = role.process_mut().map_err(|error| error.to_string())?;
        if let Ok(Some(status)) = process.exit_status() {
            let log = process.stderr().unwrap_or_default();
            let last = log.lines().last().unwrap_or_default();
            return Ok(Some(format!("{last} ({status})")));
        }
        role.readiness().await.map(|_| None)
    });
    decided.await.with_context(|| role.log_tail())
}
