use std::path::Path;
use std::time::Duration;

use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::tools::fresh_name;
use serde_json::json;

use crate::helpers::{links, until_is};
use crate::role::up;
use crate::site::{count, youtube};

fn change(data: &Path, statements: &str) {
    let file = rusqlite::Connection::open(data.join("linkrelay.sqlite")).unwrap();
    file.execute_batch(statements).unwrap();
}

/// The document was written to MongoDB, and the process was killed before it deleted the entry:
/// the test puts the entry back.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_outlived_its_document_goes_without_a_question_to_youtube() {
    let data = tempfile::tempdir().unwrap();
    let (fake, youtube) = youtube(Duration::from_secs(3)).await;
    let mongo = MongoServer::shared().await.unwrap();
    let store =
        [("MONGODB_URI", mongo.uri().to_owned()), ("MONGODB_DATABASE", fresh_name("linkrelay"))];
    let env = [&youtube[..], &store].concat();
    let relay = up(data.path(), &[], &env).ready().await;
    let id = relay.post_valid(&json!(links(1..3))).await;
    change(data.path(), "CREATE TABLE kept AS SELECT * FROM journal");
    assert_eq!(relay.until_nothing_is_pending(&id).await["stored"], 2);
    relay.stop().await;
    assert_eq!(count(data.path(), "journal"), 0);
    change(
        data.path(),
        "INSERT INTO journal SELECT * FROM kept;
         UPDATE journal_total SET
            (entries, bytes) = (SELECT sum(entries), sum(bytes) FROM journal);",
    );
    assert_eq!(count(data.path(), "journal"), 2);

    let asked_before = fake.hits().total;
    let relay = up(data.path(), &[], &env).ready().await;
    until_is("the journal to be empty", 0, async || count(data.path(), "journal")).await;
    assert_eq!(fake.hits().total, asked_before);
    assert_eq!(relay.status(&id).await["stored"], 2);
    relay.stop().await;
}
