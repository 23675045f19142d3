use std::net::Ipv4Addr;

use linkrelay_testkit::mongo_front::MongoFront;
use linkrelay_testkit::tls_front::TlsFront;
use linkrelay_testkit::tools::fresh_name;
use linkrelay_testkit::wait::ok_if;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::helpers::{link, until};
use crate::role::{Role, stop};
use crate::site::Site;

async fn database(site: &Site, name: &str) -> mongodb::Database {
    Client::with_uri_str(site.mongo.uri()).await.unwrap().database(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_the_right_to_indexes_is_warned_once_and_works_without() {
    let site = Site::new().await;
    let front = MongoFront::start(site.mongo.addr().unwrap()).await.unwrap();
    let not_authorized = "not authorized on linkrelay to execute command";
    front.answer("createIndexes", doc! { "ok": 0.0, "code": 13, "errmsg": not_authorized });
    let uri = front.uri();
    let settings = [("MONGODB_URI", &*uri)];
    let (producer, consumer) = site.roles(&settings, &settings).await;
    let id = producer.post_valid(&json!([link(1), link(2)])).await;
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 2);
    for _ in 0..2 {
        assert_eq!(videos_count(&producer).await, 2);
    }
    assert_eq!(producer.log().matches("createIndex({").count(), 1, "{}", producer.log());
    assert!(!consumer.log().contains("createIndex"), "writing needs none: {}", consumer.log());
    producer.stop().await;

    // A user with the right has made it, under another name.
    let index = doc! {
        "createIndexes": "videos", "indexes": [{ "key": { "sequence": 1 }, "name": "mine" }],
    };
    database(&site, &site.database).await.run_command(index).await.unwrap();
    let producer = site.ready_producer(&settings).await;
    assert_eq!(videos_count(&producer).await, 2);
    assert!(!producer.log().contains("createIndex"), "{}", producer.log());
    stop([producer, consumer]).await;
}

async fn videos_count(producer: &Role) -> usize {
    let (status, page) = producer.get("/videos").await;
    assert_eq!(status, 200, "{page}");
    let page: Value = serde_json::from_str(&page).unwrap();
    page["videos"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_of_a_newer_program_is_refused_by_every_role_and_command() {
    let site = Site::new().await;
    let versions = database(&site, &site.database).await.collection("linkrelay_schema");
    versions.insert_one(doc! { "_id": "youtube", "version": 99_i64 }).await.unwrap();
    let words = "has schema version 99, this program knows 1: a newer one has used it";
    for role in [site.producer(&[]), site.consumer(&[])] {
        role.until_not_ready(words).await;
        assert!(role.log().contains(words), "{}", role.log());
        role.stop().await;
    }
    for command in [&["check"][..], &["rebuild-videos"], &["refresh", "--older-than", "1d"]] {
        let said = site.linkrelay(command, &[]);
        assert_eq!(said.code, Some(1), "{command:?}: {said:?}");
        assert!(said.all().contains(words), "{command:?}: {said:?}");
    }
    let names = database(&site, &site.database).await.list_collection_names().await.unwrap();
    assert_eq!(names, ["linkrelay_schema"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_path_of_the_connection_string_is_the_database_if_nothing_else_names_one() {
    let site = Site::new().await;
    let name = fresh_name("linkrelay-path");
    let uri = site.mongo.uri().replace("/?", &format!("/{name}?"));
    let settings = [("MONGODB_URI", &*uri), ("MONGODB_DATABASE", "")];
    let (producer, consumer) = site.roles(&settings, &settings).await;
    let id = producer.post_valid(&json!(link(1))).await;
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 1);
    assert_eq!(site.documents_count().await, 0);
    let documents = database(&site, &name).await.collection::<Document>("youtube");
    assert_eq!(documents.count_documents(doc! {}).await.unwrap(), 1);
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_pass_through_tls_with_a_private_authority() {
    let site = Site::new().await;
    let server = site.mongo.addr().unwrap();
    let front = TlsFront::start(Ipv4Addr::LOCALHOST, server).await.unwrap();
    let elsewhere = TlsFront::start(Ipv4Addr::new(127, 0, 0, 2), server).await.unwrap();
    let uri = |at: &TlsFront, trusted: &TlsFront| {
        format!(
            "mongodb://{}/?directConnection=true&tls=true&tlsCAFile={}",
            at.addr(),
            trusted.ca_cert_path().display()
        )
    };
    let right = uri(&front, &front);
    let settings = [("MONGODB_URI", &*right)];
    let (producer, consumer) = site.roles(&settings, &settings).await;
    let id = producer.post_valid(&json!(link(1))).await;
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 1);
    stop([consumer, producer]).await;

    for (wrong, words) in [
        (uri(&front, &elsewhere), "MongoDB's certificate is of an authority that is not trusted"),
        (uri(&elsewhere, &elsewhere), "MongoDB's certificate is not for the host"),
    ] {
        let producer = site.producer(&[("MONGODB_URI", &wrong)]);
        producer.until_not_ready(words).await;
        let said = site.linkrelay(&["check"], &[("MONGODB_URI", &wrong)]);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.all().contains(words), "{said:?}");
        producer.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_room_is_not_ready_and_is_written_to_once_there_is() {
    let site = Site::new().await;
    let front = MongoFront::start(site.mongo.addr().unwrap()).await.unwrap();
    let uri = front.uri();
    let settings = [("MONGODB_URI", &*uri)];
    let (producer, consumer) = site.roles(&settings, &settings).await;
    let no_room = doc! { "index": 0, "code": 14_031, "errmsg": "available disk space is low" };
    front.answer("insert", doc! { "ok": 1.0, "n": 0, "writeErrors": [no_room] });
    let id = producer.post_valid(&json!(link(1))).await;
    consumer.until_not_ready("available disk space is low").await;
    // Its pings are answered, and prove nothing.
    let pings = front.seen("ping").len();
    until("more pings", async || {
        let readiness = consumer.readiness().await;
        assert!(readiness.is_err(), "{readiness:?}");
        let count = front.seen("ping").len();
        ok_if(count > pings + 4, count)
    })
    .await;
    assert_eq!(site.dead_letters().await.len(), 0);
    front.pass("insert");
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 1);
    consumer.until_ready().await;
    stop([producer, consumer]).await;
}
