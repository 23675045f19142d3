//! The body of a POST, in plain and compressed, whole and in pieces. The first byte says which:
//! bit 0 declares gzip, and the other bits are the size of a piece.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use futures::stream;
use linkrelay_common::parse_link;
use linkrelay_http::Problem;
use linkrelay_http::intake::{CheckedLinks, IntakeSettings, LinksRequest, read_links};

const MAX_BODY_BYTES: usize = 16 * 1024;
const MAX_LINKS: usize = 100;

/// Checks what is read from a body.
pub fn check(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let settings = IntakeSettings {
        max_body_bytes: MAX_BODY_BYTES,
        max_links_per_request: MAX_LINKS,
        ..IntakeSettings::default()
    };
    match runtime.block_on(read_links(request(*kind, body), &settings)) {
        Ok(read) => check_request(read),
        Err(error) => {
            assert!(error.status().is_client_error(), "{error}");
            let problem = Problem::from(error).into_value();
            assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        }
    }
}

fn request(kind: u8, body: &[u8]) -> Request {
    let mut request = Request::post("/").header(header::CONTENT_TYPE, "application/json");
    if kind & 1 == 1 {
        request = request.header(header::CONTENT_ENCODING, "gzip");
    }
    let piece = usize::from(kind >> 1);
    let body = if piece == 0 {
        Body::from(body.to_vec())
    } else {
        let pieces: Vec<_> = body.chunks(piece).map(<[u8]>::to_vec).collect();
        Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, std::convert::Infallible>)))
    };
    request.body(body).unwrap()
}

fn check_request(read: LinksRequest) {
    assert!(read.body.len() <= MAX_BODY_BYTES, "the limit holds for what comes out");
    let count = read.links.len();
    assert!((1..=MAX_LINKS).contains(&count), "{count} links");
    assert!(read.links.is_sorted_by_key(|link| link.source), "in the order of their texts");
    let checked = CheckedLinks::new(read.links, parse_link);
    assert_eq!(checked.valid.len() + checked.rejected.len(), count);
    assert_eq!(checked.in_order().count(), count);
    let id = checked.request_id(Some("key"));
    assert_eq!(id.links_count() as usize, checked.valid.len(), "the id counts the valid links");
    assert_eq!(checked.documents(id).count(), checked.valid.len());
}

/// Bodies as clients send them.
pub fn seeds() -> Vec<Vec<u8>> {
    let link = "https://www.youtube.com/watch?v=5fR9AHlSDtc";
    let one = format!("{{\"links\":\"{link}\"}}");
    let many =
        format!("{{\"links\":[\"{link}, youtu.be/x\",\"{link}\"],\"force\":true,\"x\":[{{}}]}}");
    let with = |kind: u8, body: &[u8]| [&[kind], body].concat();
    vec![
        with(0, one.as_bytes()),
        with(14, many.as_bytes()),
        with(0, b"{\"links\":[]}"),
        with(1, &gzip(many.as_bytes())),
        with(7, &gzip(one.as_bytes())),
        // Much longer once it is unpacked.
        with(1, &gzip(&[b' '; 4 * MAX_BODY_BYTES])),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}
