use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::helpers::{link, video_id};
use crate::role::{Role, stop};
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn every_link_of_a_text_is_stored_by_every_way_in() {
    let site = Site::new().await;
    let (producer, consumer) = site.roles(&[], &[]).await;
    // HTTP.
    let text = format!("{}\n{} and {},", link(0), link(1), link(2));
    let (status, answer) = producer.post(&json!([text, "youtu.be/t0000000003"])).await;
    assert_eq!((status, &answer["accepted"]), (201, &json!(4)), "{answer}");
    let id = answer["id"].as_str().unwrap();
    assert!(id.ends_with("-4"), "{id}");
    assert_eq!(producer.until_nothing_is_pending(id).await["stored"], 4);
    let (status, answer) =
        producer.post(&json!(["hello", format!("{} {}x", link(4), link(5))])).await;
    assert_eq!(status, 207, "{answer}");
    let shown: Vec<_> = answer["results"].as_array().unwrap().iter().map(index_source).collect();
    assert_eq!(shown, [(0, 0, "rejected"), (1, 1, "accepted"), (2, 1, "rejected")]);
    // Lines of a console.
    let lines = format!(
        "{} {}\n[\"{}\", \"{}\"]\n\"{}\"\nsee {}\n",
        link(6),
        link(7),
        link(8),
        link(9),
        link(10),
        link(11)
    );
    site.type_in(lines);
    // A file.
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let lines = format!("\u{feff}{},{}\r\n", link(12), link(13));
    file.write_all(&lines.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()).unwrap();
    let path = file.path().display().to_string();
    let arguments = ["submit", "--wait", "--file", path.as_str()];
    let said = site.linkrelay(&arguments, &[("LINKRELAY_URL", &producer.url())]).done();
    assert!(said.contains("stored 2, failed 0") && said.contains("is UTF-16"), "{said}");
    site.until_lag_is_zero().await;
    let videos: Vec<String> = (0..5).chain(6..14).map(video_id).collect();
    assert_eq!(site.texts("video_id").await, videos);
    stop([producer, consumer]).await;
}

fn index_source(result: &Value) -> (u64, u64, &str) {
    let number = |name: &str| result[name].as_u64().unwrap();
    (number("index"), number("source"), result["status"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_body_is_read_on_both_paths() {
    let site = Site::new().await;
    let (producer, consumer) = site.roles_of_both_paths(&[("MAX_BODY_BYTES", "4096")], &[]).await;
    for (number, route) in ["send-message-kafka", "send-message-axios"].into_iter().enumerate() {
        let body = json!({ "links": format!("{} {}", link(2 * number), link(2 * number + 1)) });
        let (status, answer) = post_gzip(&producer, route, body.to_string().as_bytes()).await;
        assert_eq!(status, 201, "{answer}");
        assert!(answer["id"].as_str().unwrap().ends_with("-2"), "{answer}");
    }
    let (status, answer) = post_gzip(&producer, "send-message-kafka", &[b' '; 5_000]).await;
    assert_eq!((status, answer["code"].as_str()), (413, Some("body_too_large")));
    site.until_lag_is_zero().await;
    assert_eq!(site.texts("video_id").await, (0..4).map(video_id).collect::<Vec<_>>());
    stop([producer, consumer]).await;
}

async fn post_gzip(producer: &Role, route: &str, body: &[u8]) -> (u16, Value) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    let request = reqwest::Client::new()
        .post(format!("{}/links/{route}", producer.url()))
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(encoder.finish().unwrap());
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}
