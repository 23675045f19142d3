use linkrelay_testkit::wait::ok_if;
use serde_json::{Value, json};

use crate::helpers::{links, until};
use crate::role::stop;
use crate::site::Site;

/// Without a heartbeat that names the partitions, the owners are those that the broker tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_broker_tells_the_lag_of_both_protocols_and_the_owners_of_one() {
    for (protocol, tells_owners) in [("classic", true), ("consumer", false)] {
        let mut env = vec![("HEARTBEAT_INTERVAL", "60s"), ("KAFKA_GROUP_PROTOCOL", protocol)];
        if protocol == "consumer" {
            // The keys of the other protocol must be absent.
            env.push(("KAFKA_CONFIG", ""));
        }
        let site = Site::new().await;
        let producer = site.ready_producer(&env).await;
        producer.post_valid(&json!(links(0..20))).await;
        let lag = async || {
            let (status, lag) = producer.get("/lag").await;
            assert_eq!(status, 200, "{lag}");
            serde_json::from_str::<Value>(&lag).unwrap()
        };
        // A broker looks for the group's coordinator first, and does not know it at once.
        until("20 links to wait", async || {
            let waiting = lag().await;
            ok_if(waiting["lag"] == 20, waiting.to_string())
        })
        .await;
        let consumer = site.ready_consumer(&env).await;
        until("the lag to be gone", async || {
            let lag = lag().await;
            let rows = lag["partitions"].as_array().unwrap();
            let of_broker = |row: &Value| {
                row["owner"].as_str().is_some_and(|owner| owner.ends_with(" at 127.0.0.1"))
            };
            let are_told = rows.len() == 6 && rows.iter().all(of_broker);
            ok_if(lag["lag"] == 0 && (are_told || !tells_owners), lag)
        })
        .await;
        stop([producer, consumer]).await;
    }
}
