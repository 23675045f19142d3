use linkrelay_fake_youtube::{CANARY_VIDEO, Failure};
use linkrelay_testkit::wait::{LONG, SHORT, ok_if, wait_for};
use serde_json::json;

use crate::helpers::{link, links, until, video_id};
use crate::role::{Path, stop};
use crate::site::Site;

/// Waits until YouTube was asked for the canary, or, without one, until there is a document.
async fn until_refused(site: &Site) {
    until("YouTube to refuse the canary", async || {
        let (canary, documents) = (site.fake.hits().canary, site.documents_count().await);
        ok_if(canary > 1 || documents > 0, format!("canary {canary}, documents {documents}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_which_youtube_refuses_every_video_is_held_and_stored_later() {
    let site = Site::new().await;
    site.fake.set_failure_of_all(Some(Failure::Deleted));
    let (producer, consumer) = site.roles(&[], &[]).await;
    let id = producer.post_valid(&json!(links(0..200))).await;
    until_refused(&site).await;
    let status = producer.status(&id).await;
    assert_eq!((&status["failed"], &status["pending"]), (&json!(0), &json!(200)), "{status}");
    let metrics = consumer.metrics().await;
    let not_once = "linkrelay_canary_requests_total{result=\"refused\"} 0\n";
    assert!(!metrics.contains(not_once), "{metrics}");
    assert!(consumer.log().contains("YouTube refuses everything"), "{}", consumer.log());

    site.fake.set_failure_of_all(None);
    let status = producer.until_nothing_is_pending(&id).await;
    assert_eq!((&status["stored"], &status["failed"]), (&json!(200), &json!(0)), "{status}");
    site.until_lag_is_zero().await;
    assert_eq!(site.dead_letters().await.len(), 0);
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_youtube_refuses_every_video_the_waiting_path_answers_503() {
    let site = Site::new().await;
    site.fake.set_failure_of_all(Some(Failure::Private));
    let (producer, consumer) = site.roles_of_both_paths(&[], &[]).await;
    let (status, answer) = producer.post_to(Path::Waiting, &json!(link(1))).await;
    assert_eq!((status, &answer["code"]), (503, &json!("throttled")), "{answer}");
    assert_eq!(site.documents_count().await, 0);
    site.fake.set_failure_of_all(None);
    until("the link to be stored", async || {
        let (status, answer) = producer.post_to(Path::Waiting, &json!(link(1))).await;
        ok_if(status == 201 && answer["stored"] == 1, answer)
    })
    .await;
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_video_alone_or_among_others_fails_and_costs_at_most_one_canary() {
    let site = Site::new().await;
    let deleted = [video_id(0), video_id(150)];
    deleted.iter().for_each(|id| site.fake.set_failure(id, Some(Failure::Deleted)));
    let (producer, consumer) = site.roles(&[], &[]).await;
    let alone = producer.post_valid(&json!(link(0))).await;
    let status = producer.until_nothing_is_pending(&alone).await;
    assert_eq!(status["links"][0]["error"]["code"], "unavailable", "{status}");
    assert_eq!(site.fake.hits().canary, 1, "the canary confirms it");
    let among = producer.post_valid(&json!(links(100..300))).await;
    let status = producer.until_nothing_is_pending(&among).await;
    assert_eq!((&status["stored"], &status["failed"]), (&json!(199), &json!(1)), "{status}");
    let hits = site.fake.hits();
    // A consumer that is slow here may have asked for the one among others after all of them.
    assert!(hits.canary <= 2, "{} requests for the canary", hits.canary);
    assert_eq!((hits.total, hits.video(CANARY_VIDEO)), (201, 0), "one request for each link");
    assert_eq!(site.dead_letters().await.len(), 0);
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_alone_is_throttled_is_given_up_once_others_were_stored() {
    let site = Site::new().await;
    site.fake.set_failure(&video_id(0), Some(Failure::BotCheck));
    let (producer, consumer) = site.roles(&[], &[("MAX_ATTEMPTS", "3")]).await;
    let alone = producer.post_valid(&json!(link(0))).await;
    let mut round = 0;
    let given_up = wait_for("the link to be given up", LONG, SHORT, async || {
        round += 1;
        let others = producer.post_valid(&json!(links(round * 10..round * 10 + 10))).await;
        producer.until_stored(&others, 10).await;
        let status = producer.status(&alone).await;
        ok_if(status["failed"] == 1, &status).map(|()| status)
    })
    .await;
    assert!(given_up.is_ok(), "it is tried again and again: {given_up:?}");
    let status = given_up.unwrap();
    let error = &status["links"][0]["error"];
    assert_eq!((&error["code"], &error["attempts"]), (&json!("throttled_alone"), &json!(3)));
    site.until_lag_is_zero().await;
    assert_eq!(site.dead_letters().await.len(), 1);
    let metrics = consumer.metrics().await;
    assert!(metrics.contains("linkrelay_cool_downs_total 2\n"), "{metrics}");
    stop([producer, consumer]).await;
}
