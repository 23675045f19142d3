use std::path::Path;
use std::time::Duration;

use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::tools::fresh_name;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};
use rusqlite::Connection;
use serde_json::json;

use crate::embedded::{slow_youtube, up};
use crate::site::link;

fn open(data: &Path) -> Connection {
    Connection::open(data.join("linkrelay.sqlite")).unwrap()
}

fn entries_count(data: &Path) -> i64 {
    open(data).query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).unwrap()
}

/// The document went to MongoDB, and the process was killed before its entry left the file: made
/// by putting the entry back.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_outlived_its_document_goes_without_a_question_to_youtube() {
    let data = tempfile::tempdir().unwrap();
    let (fake, youtube) = slow_youtube(Duration::from_secs(3)).await;
    let mongo = MongoServer::shared().await.unwrap();
    let store =
        [("MONGODB_URI", mongo.uri().to_owned()), ("MONGODB_DATABASE", fresh_name("linkrelay"))];
    let env = [&youtube[..], &store].concat();
    let relay = up(data.path(), &[], &env);
    relay.until_ready().await;
    let id = relay.post_good(&json!([link(1), link(2)])).await;
    open(data.path()).execute_batch("CREATE TABLE kept AS SELECT * FROM journal").unwrap();
    assert_eq!(relay.until_nothing_is_pending(&id).await["stored"], 2);
    relay.stop().await;
    assert_eq!(entries_count(data.path()), 0);
    open(data.path())
        .execute_batch(
            "INSERT INTO journal SELECT * FROM kept;
             UPDATE journal_total SET
                (entries, bytes) = (SELECT sum(entries), sum(bytes) FROM journal);",
        )
        .unwrap();
    assert_eq!(entries_count(data.path()), 2);

    let asked_before = fake.hits().total;
    let relay = up(data.path(), &[], &env);
    relay.until_ready().await;
    wait_for("the journal to be empty", LONG, SHORT, async || {
        let count = entries_count(data.path());
        if count == 0 { Ok(()) } else { Err(count.to_string()) }
    })
    .await
    .unwrap();
    assert_eq!(fake.hits().total, asked_before);
    assert_eq!(relay.status(&id).await["stored"], 2);
    relay.stop().await;
}
