//! A record of the topic, which any program may write: its value and its headers. The first byte
//! is the number of headers; each is a name, a line break, a value, and a zero byte.

use linkrelay_kafka::{DeadLetterHeaders, LinkMessage, RecordHeaders, copy_readable};
use rdkafka::message::{Header, OwnedHeaders};

/// Checks what is read from a record.
pub fn check(bytes: &[u8]) {
    let (headers, value) = parts(bytes);
    if let Ok(message) = LinkMessage::decode(value) {
        assert!(!message.links.is_empty(), "a message has a link");
        assert_eq!(LinkMessage::decode(&message.encode()).unwrap(), message);
        let count = message.links.len();
        assert!(LinkMessage::decode_up_to(value, count).is_ok());
        assert!(LinkMessage::decode_up_to(value, count - 1).is_err());
        assert_eq!(LinkMessage::one(&message.links[0], false).links, message.links[..1]);
    }
    let read = RecordHeaders::read(&headers);
    assert_eq!(RecordHeaders::read(&read.to_kafka()), read, "headers survive the topic");
    assert_eq!(RecordHeaders::read(&copy_readable(&headers)), read, "a copy says the same");
    for links_count in [1, 2] {
        if let Some(identity) = read.link_identity(0, links_count) {
            assert!(!identity.document_id().as_str().is_empty());
        }
    }
    if let Some(letter) = DeadLetterHeaders::read(&headers) {
        let written = letter.add_to(&OwnedHeaders::new());
        assert_eq!(DeadLetterHeaders::read(&written), Some(letter), "a letter survives the topic");
    }
}

fn parts(bytes: &[u8]) -> (OwnedHeaders, &[u8]) {
    let mut headers = OwnedHeaders::new();
    let Some((count, mut rest)) = bytes.split_first() else { return (headers, bytes) };
    for _ in 0..count % 12 {
        let Some(end) = rest.iter().position(|byte| *byte == 0) else { break };
        let header = &rest[..end];
        rest = &rest[end + 1..];
        let at = header.iter().position(|byte| *byte == b'\n');
        let (name, value) = header.split_at(at.unwrap_or(header.len()));
        let key = String::from_utf8_lossy(name);
        headers = headers.insert(Header { key: &key, value: value.get(1..) });
    }
    (headers, rest)
}

/// Records as linkrelay and other programs write them.
pub fn seeds() -> Vec<Vec<u8>> {
    let link = "https://www.youtube.com/watch?v=5fR9AHlSDtc";
    let request =
        "linkrelay-request-id\n0193a0f0-0000-7000-8000-000000000000-3\0linkrelay-index\n1\0";
    let letter = "linkrelay-error-class\ntransient\0linkrelay-error\nit timed out\0\
                  linkrelay-attempts\n5\0linkrelay-origin\nLINKS-YOUTUBE:3:1204\0\
                  linkrelay-failed-at\n2026-01-01T00:00:00Z\0linkrelay-index\n0\0";
    let submitted = "linkrelay-submitted-at\n2026-01-01T00:00:00Z\0\
                     traceparent\n00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\0";
    [
        format!("\0{link}"),
        format!("\0{{\"links\":\"{link}\"}}"),
        format!("\0{{\"links\":[\"{link}\",\"youtu.be/dQw4w9WgXcQ, x\"],\"force\":true}}"),
        format!("\0[\"{link}\"]"),
        format!("\0\"{link}\\n{link}\""),
        "\0\u{feff} {\"links\":[]}".to_owned(),
        format!("\x04{request}{submitted}{{\"links\":\"{link}\"}}"),
        format!("\x06{letter}{{\"links\":\"{link}\"}}"),
        format!("\x08{letter}{submitted}{{\"links\":\"{link}\",\"other\":[{{}}]}}"),
    ]
    .map(String::into_bytes)
    .into()
}
