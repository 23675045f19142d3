//! Thumbnails, of the fake YouTube and of a server that answers what YouTube never would.

use linkrelay_common::VideoId;
use linkrelay_extractor::{ExtractError, ThumbnailClient, ThumbnailServer, ThumbnailType};

use super::wire::{Wire, answer};
use super::{ID, fake};

fn client(base_url: String, ca_cert: &std::path::Path) -> ThumbnailClient {
    let (youtube_base_url, youtube_ca_cert) = (Some(base_url), Some(ca_cert.to_owned()));
    ThumbnailClient::new(&ThumbnailServer { youtube_base_url, youtube_ca_cert }).unwrap()
}

#[tokio::test]
async fn the_thumbnail_of_a_video_is_fetched() {
    let fake = fake().await;
    let client = client(fake.base_url(), fake.ca_cert_path());
    let thumbnail = client.fetch(VideoId::parse(ID).unwrap()).await.unwrap().unwrap();
    assert_eq!(ThumbnailType::of(&thumbnail), Some(ThumbnailType::Png));
    fake.set_failure(ID, Some(linkrelay_fake_youtube::Failure::Deleted));
    assert_eq!(client.fetch(VideoId::parse(ID).unwrap()).await.unwrap(), None);
    fake.stop().await;
}

#[tokio::test]
async fn no_redirect_and_nothing_but_a_small_thumbnail_is_taken() {
    let other = Wire::start(|_| answer("200 OK", "\u{89}PNG")).await;
    let elsewhere = format!("302 Found\r\nLocation: {}/", other.base_url());
    // The text of a WebP, of the largest size and one byte more.
    let webp = |bytes: usize| format!("RIFF0000WEBP{}", " ".repeat(bytes - 12));
    for (head, body, found) in [
        ("200 OK", webp(512 * 1024), Ok(())),
        ("200 OK", webp(512 * 1024 + 1), Err("larger than 524288 bytes")),
        (
            "200 OK\r\nContent-Type: image/jpeg",
            "<script>alert(1)</script>".to_owned(),
            Err("it is no JPEG"),
        ),
        ("200 OK\r\nContent-Type: image/svg+xml", "<svg/>".to_owned(), Err("it is no JPEG")),
        (&elsewhere, String::new(), Err("302")),
        ("302 Found\r\nLocation: /vi/x/mqdefault.jpg", webp(100), Err("302")),
        ("503 No", webp(100), Err("503")),
    ] {
        let sent = answer(head, &body);
        let wire = Wire::start(move |path| {
            assert_eq!(path, format!("/vi/{ID}/mqdefault.jpg"));
            sent.clone()
        })
        .await;
        let client = client(wire.base_url(), wire.ca_cert_path());
        let fetched = client.fetch(VideoId::parse(ID).unwrap()).await;
        match found {
            Ok(()) => assert_eq!(fetched.unwrap().unwrap(), body.as_bytes()),
            Err(words) => {
                let error: ExtractError = fetched.unwrap_err();
                assert!(error.to_string().contains(words), "{head}: {error}");
            }
        }
        assert_eq!((wire.requests_count(), other.requests_count()), (1, 0), "{head}");
    }
}
