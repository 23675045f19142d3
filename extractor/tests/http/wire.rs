//! Answers that the fake YouTube never gives: redirects to other servers or in circles, bodies
//! beyond the limit, dates.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use linkrelay_extractor::{Extract, ExtractError};
use linkrelay_testkit::tls_front::TlsFront;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{ID, ask, settings};

/// A server that answers each request with the bytes of a function of its path, and disconnects.
pub(super) struct Wire {
    front: TlsFront,
    requests: Arc<AtomicUsize>,
    _server: JoinSet<()>,
}

type Respond = Arc<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

impl Wire {
    pub(super) async fn start(respond: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let front = TlsFront::start(Ipv4Addr::LOCALHOST, address).await.unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::new(respond), requests.clone()));
        Self { front, requests, _server: server }
    }

    pub(super) fn ca_cert_path(&self) -> &std::path::Path {
        self.front.ca_cert_path()
    }

    pub(super) fn base_url(&self) -> String {
        format!("https://{}", self.front.addr())
    }

    pub(super) fn extractor(&self) -> Arc<dyn Extract> {
        settings("watch_page", self.base_url(), self.front.ca_cert_path()).build().unwrap()
    }

    pub(super) fn requests_count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, respond: Respond, requests: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        requests.fetch_add(1, Ordering::SeqCst);
        connections.spawn(connection(stream, respond.clone()));
    }
}

async fn connection(mut stream: TcpStream, respond: Respond) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        request.push(byte);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    // The client disconnects in the middle of an answer that is too large.
    if stream.write_all(&respond(path)).await.is_ok() {
        let _closed = stream.shutdown().await;
    }
}

pub(super) fn answer(head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

static PAGE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "var ytInitialPlayerResponse = {{\"playabilityStatus\":{{\"status\":\"OK\"}},\
         \"videoDetails\":{{\"videoId\":\"{ID}\",\"title\":\"A title\"}}}};"
    )
});

#[tokio::test]
async fn a_redirect_within_the_same_server_is_followed() {
    let wire = Wire::start(|path| {
        if path.starts_with("/elsewhere") {
            answer("200 OK", &PAGE)
        } else {
            answer("302 Found\r\nLocation: /elsewhere?a=1", "")
        }
    })
    .await;
    assert_eq!(ask(&wire.extractor(), ID).await.unwrap().video.title, "A title");
}

#[tokio::test]
async fn a_redirect_to_another_server_is_not_followed() {
    let other = Wire::start(|_| answer("200 OK", &PAGE)).await;
    let location = format!("302 Found\r\nLocation: {}/", other.base_url());
    let wire = Wire::start(move |_| answer(&location, "")).await;
    let error = ask(&wire.extractor(), ID).await.unwrap_err();
    assert!(matches!(error, ExtractError::Status(302)), "{error}");
    assert_eq!((wire.requests_count(), other.requests_count()), (1, 0));
}

#[tokio::test]
async fn a_circle_of_redirects_is_not_followed_beyond_a_few() {
    let wire = Wire::start(|_| answer("302 Found\r\nLocation: /again", "")).await;
    let error = ask(&wire.extractor(), ID).await.unwrap_err();
    assert!(matches!(error, ExtractError::Status(302)), "{error}");
    assert_eq!(wire.requests_count(), 4, "the page and three redirects");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_given_up() {
    let wire = Wire::start(|_| answer("200 OK", &(" ".repeat(9_000_000) + &PAGE))).await;
    let error = ask(&wire.extractor(), ID).await.unwrap_err();
    assert!(error.to_string().contains("larger than 8388608 bytes"), "{error}");
}

#[tokio::test]
async fn a_date_in_retry_after_is_understood() {
    let wire =
        Wire::start(|_| answer("429 Too Many\r\nRetry-After: Sat, 06 Nov 2094 08:00:00 GMT", ""))
            .await;
    let error = ask(&wire.extractor(), ID).await.unwrap_err();
    let ExtractError::Throttled { retry_after: Some(wait), .. } = error else { panic!("{error}") };
    assert_eq!(wait.as_secs(), 3_600);
}

#[tokio::test]
async fn an_error_s_text_names_its_cause_and_not_the_url() {
    let wire = Wire::start(|_| b"this is not HTTP\r\n\r\n".to_vec()).await;
    let error = ask(&wire.extractor(), ID).await.unwrap_err();
    let ExtractError::Connection(text) = error else { panic!("{error}") };
    assert!(text.contains(": ") && !text.contains("/watch"), "{text}");
}

#[tokio::test]
async fn a_consent_page_without_a_redirect_is_also_throttling() {
    let body = r#"<form action="https://consent.youtube.com/s" method="POST">"#;
    let wire = Wire::start(move |_| answer("200 OK", body)).await;
    let error = ask(&wire.extractor(), ID).await.unwrap_err();
    assert!(matches!(error, ExtractError::Throttled { reason: "consent", .. }), "{error}");
}
