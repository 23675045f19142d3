use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path as Folder, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use linkrelay_common::DocumentId;
use linkrelay_fake_youtube::Failure;
use linkrelay_store::sqlite::{JournalPosition, SqliteStore};
use linkrelay_store::{LinkDocument, LinkStore, MongoStore};
use linkrelay_testkit::kafka::TopicRecord;
use linkrelay_testkit::process::{Process, ProcessBuilder};
use linkrelay_testkit::wait::{LONG, wait_for};
use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

use crate::helpers::{Said, binary, links, nowhere, run, video_id};
use crate::role::{stop, up};
use crate::site::{Site, count};

/// Documents that are made by copying one.
const MANY_DOCUMENTS: i64 = 6_000;
const MANY_LETTERS: i64 = 400;

fn store_path(data: &Folder) -> PathBuf {
    data.join("linkrelay.sqlite")
}

/// What the embedded mode needs of a site: its YouTube, and not its servers.
fn embedded_env(site: &Site) -> Vec<(&'static str, String)> {
    let mut env = site.env();
    env.retain(|(name, _)| name.starts_with("YOUTUBE_"));
    env.push(("MAX_ATTEMPTS", "1".to_owned()));
    env.push(("EXTRACTORS", "watch_page".to_owned()));
    env
}

fn fail(site: &Site, numbers: std::ops::Range<usize>, failure: Option<Failure>) {
    for number in numbers {
        site.fake.set_failure(&video_id(number), failure);
    }
}

/// Runs `linkrelay migrate` from a folder to a site.
fn migrate(site: &Site, data: &Folder, arguments: &[&str]) -> Said {
    let data = data.to_str().unwrap();
    site.linkrelay(&[&["migrate", "--data-dir", data], arguments].concat(), &[])
}

/// Runs a command without Kafka and MongoDB on a folder.
fn alone(data: &Folder, arguments: &[&str]) -> Said {
    let mut command = Command::new(binary("linkrelay"));
    command.args(arguments).env("DATA_DIR", data);
    command.env("HTTP_ADDR", nowhere()).env("EXTRACTOR_ADDR", nowhere());
    run(command.env_remove("KAFKA_BROKERS").env_remove("MONGODB_URI"))
}

#[track_caller]
fn assert_moved(said: &Said, counts: [u64; 5]) {
    let [documents, there, requests, letters, pending] = counts;
    let moved = format!(
        "moved: documents {documents} ({there} were there), requests {requests}, \
         dead letters {letters}, pending links {pending}\n"
    );
    assert_eq!(said.code, Some(0), "{}", said.all());
    assert!(said.stdout.starts_with(&moved), "{}", said.all());
}

fn ids(data: &Folder) -> Vec<DocumentId> {
    let file = Connection::open(store_path(data)).unwrap();
    let mut all = file.prepare("SELECT id FROM document ORDER BY id").unwrap();
    let ids = all.query_map([], |row| Ok(DocumentId::from_stored(row.get(0)?))).unwrap();
    ids.collect::<Result<_, _>>().unwrap()
}

/// Documents by their ids, with the times that BSON keeps.
async fn documents(store: &dyn LinkStore, ids: &[DocumentId]) -> BTreeMap<String, LinkDocument> {
    let milliseconds = |at: Timestamp| Timestamp::from_millisecond(at.as_millisecond()).unwrap();
    let found = store.find(ids).await.unwrap().into_iter().map(|document| LinkDocument {
        submitted_at: document.submitted_at.map(milliseconds),
        extracted_at: document.extracted_at.map(milliseconds),
        stored_at: milliseconds(document.stored_at),
        ..document
    });
    found.map(|document| (document.id.as_str().to_owned(), document)).collect()
}

/// A record as an entry of the file is one: key, value, and headers in their order.
type Content = (Vec<u8>, Vec<u8>, Vec<(String, Vec<u8>)>);

fn content(record: TopicRecord) -> Content {
    let headers = record.headers.into_iter();
    let headers = headers.map(|(name, value)| (name, value.unwrap_or_default()));
    (record.key.unwrap_or_default(), record.value.unwrap_or_default(), headers.collect())
}

/// The dead letters and the journal of a folder.
async fn entries(data: &Folder) -> (Vec<Content>, BTreeSet<Content>) {
    let file = SqliteStore::open_alone(&store_path(data)).unwrap();
    let letters = file.letters_after(0, 100_000).await.unwrap().into_iter().map(|row| row.entry);
    let letters = letters
        .map(|letter| (letter.key.unwrap_or_default(), letter.value, letter.headers))
        .collect();
    let pending = file.journal_pending(JournalPosition::START, 100_000).await.unwrap();
    let pending = pending.into_iter().map(|pending| pending.entry);
    (letters, pending.map(|entry| (entry.key, entry.value, entry.headers)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_a_folder_is_moved_once_and_goes_on_there() {
    let (site, data) = (Site::new().await, tempfile::tempdir().unwrap());
    let data = data.path();
    fail(&site, 1..2, Some(Failure::Private));
    fail(&site, 2..4, Some(Failure::ServerError));
    let relay = up(data, &[], &embedded_env(&site)).ready().await;
    let stored = relay.post_valid(&json!(links(0..30))).await;
    relay.until_nothing_is_pending(&stored).await;
    let deleted = relay.post_valid(&json!(links(40..42))).await;
    relay.until_nothing_is_pending(&deleted).await;
    let answer = reqwest::Client::new().delete(format!("{}/links/{deleted}", relay.url()));
    assert_eq!(answer.send().await.unwrap().status(), 200);
    fail(&site, 50..70, Some(Failure::Hang));
    let pending = relay.post_body(&json!({ "links": links(50..70), "force": true })).await;
    let in_use = migrate(&site, data, &[]);
    assert_eq!(in_use.code, Some(1), "{}", in_use.all());
    assert!(in_use.stderr.contains("a running linkrelay uses the folder"), "{}", in_use.stderr);
    // Its drop kills the process.
    drop(relay);
    alone(data, &["dlq", "replay", "--all"]).done();

    let counted = migrate(&site, data, &["--dry-run"]);
    let to_move = "to move: documents 32, requests 2, dead letters 2, pending links 20\n";
    assert_eq!((counted.code, &*counted.stdout), (Some(0), to_move), "{}", counted.stderr);
    assert_eq!(site.documents_count().await, 0);
    assert_moved(&migrate(&site, data, &[]), [32, 0, 2, 2, 20]);

    let ids = ids(data);
    let mongo = MongoStore::new(&site.mongo.uri().into(), &site.database, "youtube", "videos");
    let (file, mongo) = (SqliteStore::open_alone(&store_path(data)).unwrap(), mongo.unwrap());
    let (moved, kept) = (documents(&mongo, &ids).await, documents(&file, &ids).await);
    assert_eq!((moved.len(), kept.len()), (32, 32));
    for (moved, kept) in moved.values().zip(kept.values()) {
        assert_eq!(moved, kept);
    }
    drop(file);
    let rows = site.videos.count_documents(mongodb::bson::doc! {}).await.unwrap();
    assert_eq!(i64::try_from(rows).unwrap(), count(data, "video"));
    let (letters, journal) = entries(data).await;
    let in_topic: Vec<_> = site.dead_letters().await.into_iter().map(content).collect();
    assert_eq!((in_topic.len(), &in_topic), (2, &letters));
    let published = site.broker.topic_records(&site.topic).await.unwrap();
    // The two replays that were asked for are beside them.
    assert_eq!((published.len(), journal.len()), (22, 20));
    let published: BTreeSet<_> = published.into_iter().map(content).collect();
    assert!(journal.is_subset(&published), "{journal:?}\n{published:?}");

    assert_moved(&migrate(&site, data, &[]), [0, 0, 0, 0, 0]);
    assert_moved(&migrate(&site, data, &["--again"]), [32, 32, 2, 0, 20]);
    fail(&site, 2..70, None);
    let (producer, consumer) = site.roles(&[], &[]).await;
    assert_eq!(producer.until_nothing_is_pending(&pending).await["stored"], 20);
    producer.until_stored(&stored, 29).await;
    assert_eq!(producer.get(&format!("/links/{deleted}")).await.0, 410);
    let (_, requests) = producer.get("/requests").await;
    let is_listed = [&stored, &pending, &deleted].map(|id| requests.contains(id.as_str()));
    assert_eq!(is_listed, [true, true, false], "{requests}");
    site.until_lag_is_zero().await;
    assert_eq!((site.documents_count().await, site.dead_letters().await.len()), (52, 2));

    for arguments in [&["up"][..], &["dlq", "list"]] {
        let refused = alone(data, arguments);
        assert_eq!(refused.code, Some(2), "{arguments:?}: {}", refused.all());
        assert!(refused.stderr.contains("`linkrelay migrate` has moved everything to MongoDB"));
    }
    let relay = up(data, &["--despite-migration"], &embedded_env(&site)).ready().await;
    assert_eq!(relay.until_nothing_is_pending(&pending).await["stored"], 20);
    relay.stop().await;
    assert_moved(&migrate(&site, data, &[]), [52, 52, 2, 0, 0]);
    assert_eq!(site.documents_count().await, 52);
    stop([producer, consumer]).await;
}

/// Copies a document and a dead letter many times.
fn add_many(data: &Folder) {
    let file = Connection::open(store_path(data)).unwrap();
    file.execute_batch(&format!(
        "INSERT INTO document WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL
             SELECT i + 1 FROM n WHERE i < {MANY_DOCUMENTS})
         SELECT printf('old:%06d', i), NULL, 0, status, video_id, channel_id, title, link, error,
             stored_at, json_set(document, '$._id', printf('old:%06d', i), '$.request_id', NULL)
         FROM n, (SELECT * FROM document WHERE status = 'stored' LIMIT 1);
         INSERT INTO dead_letter (id, key, value, headers, written_at, state)
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY_LETTERS})
         SELECT id, key, CAST(printf('{{\"links\":\"https://youtu.be/t%010d\"}}', i) AS BLOB), headers,
             written_at, 'waiting'
         FROM n, (SELECT * FROM dead_letter LIMIT 1);"
    ))
    .unwrap();
}

/// How far a part is, and what is in flight, as the file says.
fn progress(data: &Folder, part: &str) -> Option<(String, Option<String>)> {
    let file = Connection::open(store_path(data)).unwrap();
    file.busy_timeout(LONG).unwrap();
    let of_part = "SELECT after, in_flight FROM move WHERE part = ?1";
    file.query_row(of_part, [part], |row| Ok((row.get(0)?, row.get(1)?))).optional().unwrap()
}

fn migrating(site: &Site, data: &Folder) -> Process {
    let process = ProcessBuilder::new("migrate", binary("linkrelay"));
    let process = process.args(["migrate", "--data-dir", data.to_str().unwrap()]);
    let env = site.env().into_iter();
    env.fold(process, |process, (name, value)| process.env(name, value)).spawn().unwrap()
}

/// Waits until a running migration has come further with a part; `false` if it has ended before.
async fn until_further(process: &mut Process, data: &Folder, part: &str) -> bool {
    let before = progress(data, part);
    let pause = Duration::from_millis(1);
    let further = wait_for("progress", LONG, pause, async || {
        let has_ended = process.exit_status().unwrap().is_some();
        if progress(data, part) != before {
            Ok(true)
        } else if has_ended {
            Ok(false)
        } else {
            Err(String::new())
        }
    });
    further.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_in_every_part_lose_nothing_and_double_nothing() {
    let (site, data) = (Site::new().await, tempfile::tempdir().unwrap());
    let data = data.path();
    fail(&site, 0..1, Some(Failure::ServerError));
    let relay = up(data, &[], &embedded_env(&site)).ready().await;
    let id = relay.post_valid(&json!(links(0..20))).await;
    relay.until_nothing_is_pending(&id).await;
    fail(&site, 1_000..1_900, Some(Failure::Hang));
    let pending = relay.post_valid(&json!(links(1_000..1_900))).await;
    drop(relay);
    add_many(data);

    let mut process = migrating(&site, data);
    assert!(until_further(&mut process, data, "documents").await);
    process.interrupt().unwrap();
    let status = process.wait(LONG).await.unwrap();
    let log = process.stderr().unwrap();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("interrupted; the same command goes on"), "{log}");
    let refused = alone(data, &["up"]);
    assert!(refused.stderr.contains("is not complete; run it again"), "{}", refused.all());

    let mut kills = 0;
    for part in
        ["documents", "documents", "dead letters", "dead letters", "dead letters", "journal"]
    {
        let mut process = migrating(&site, data);
        if until_further(&mut process, data, part).await {
            process.kill().unwrap();
            kills += 1;
        }
    }
    assert!(kills >= 4, "{kills}");
    let last = migrate(&site, data, &[]);
    assert_eq!(last.code, Some(0), "{}", last.all());
    let documents = u64::try_from(MANY_DOCUMENTS).unwrap() + 20;
    assert_eq!(site.documents_count().await, documents);
    let (letters, journal) = entries(data).await;
    let in_topic: Vec<_> = site.dead_letters().await.into_iter().map(content).collect();
    assert_eq!(in_topic.len(), letters.len());
    assert_eq!(in_topic, letters);
    let published = site.broker.topic_records(&site.topic).await.unwrap();
    let published: BTreeSet<_> = published.into_iter().map(content).collect();
    assert_eq!((journal.len(), published == journal), (900, true));

    fail(&site, 1_000..1_900, None);
    let (producer, consumer) = site.roles(&[], &[]).await;
    assert_eq!(producer.until_nothing_is_pending(&pending).await["stored"], 900);
    site.until_lag_is_zero().await;
    assert_eq!(site.documents_count().await, documents + 900);
    assert_eq!(site.dead_letters().await.len(), letters.len());
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_move_is_refused_and_changes_nothing() {
    let (site, data) = (Site::without_topics().await, tempfile::tempdir().unwrap());
    let data = data.path();
    let relay = up(data, &["--demo"], &[]).ready().await;
    let id = relay.post_valid(&json!(links(0..1))).await;
    relay.until_nothing_is_pending(&id).await;
    relay.stop().await;
    let arguments = ["migrate", "--data-dir", data.to_str().unwrap()];
    let nowhere = nowhere();
    let mongodb = format!("mongodb://{nowhere}");
    for (setting, value, code, wanted) in [
        ("MONGODB_URI", "", 2, "MONGODB_URI: must name the MongoDB to move to"),
        ("KAFKA_BROKERS", "", 2, "KAFKA_BROKERS: must name the Kafka to move to"),
        ("MONGODB_URI", "mongodb://a:b@", 2, "MONGODB_URI: "),
        ("MONGODB_URI", &mongodb, 1, "asking MongoDB"),
        ("KAFKA_BROKERS", &nowhere, 1, "no answer from the broker"),
        ("LANG", "C", 1, "`linkrelay topics create`"),
    ] {
        let mut command = Command::new(binary("linkrelay"));
        command.args(arguments).envs(site.env()).env_remove(setting);
        let is_set = (!value.is_empty()).then_some((setting, value));
        let said = run(command.envs(is_set));
        assert_eq!(said.code, Some(code), "{setting}={value}: {}", said.all());
        assert!(said.stderr.contains(wanted), "{setting}={value}: {}", said.stderr);
    }
    let missing = data.join("missing");
    let said = migrate(&site, &missing, &[]);
    assert_eq!(said.code, Some(2), "{}", said.all());
    assert!(said.stderr.contains("DATA_DIR: there is no") && !missing.exists(), "{}", said.stderr);
    assert_eq!(site.documents_count().await, 0);
    let relay = up(data, &["--demo"], &[]).ready().await;
    assert_eq!(relay.status(&id).await["stored"], 1);
    relay.stop().await;
}

/// Every table has a line in the table of docs/OPERATIONS.md that says where it goes.
#[test]
fn the_documentation_names_every_table_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.sqlite");
    drop(SqliteStore::open(&path).unwrap());
    let file = Connection::open(&path).unwrap();
    let tables = "SELECT name FROM pragma_table_list
        WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite_%'";
    let mut tables = file.prepare(tables).unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let tables: BTreeSet<String> = tables.collect::<Result<_, _>>().unwrap();
    assert!(tables.contains("document") && tables.contains("journal"), "{tables:?}");
    let documentation = include_str!("../../../docs/OPERATIONS.md");
    let (_, section) = documentation.split_once("\n## Move from one machine to").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" | "));
    let named = cells.flat_map(|(cell, _)| cell.split('`')).filter(|name| {
        name.chars().all(|character| character.is_ascii_lowercase() || character == '_')
            && !name.is_empty()
    });
    assert_eq!(named.map(str::to_owned).collect::<BTreeSet<_>>(), tables);
}
