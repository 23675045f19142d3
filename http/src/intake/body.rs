//! Reads a request's body, within a limit of bytes and a limit of time, and undoes its compression.

use std::io::Read as _;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;

use super::error::IntakeError;

/// A body that is too large is read and discarded up to this many times the limit: if a server
/// closes the connection while the client still sends, the reset discards the answer as well. A
/// client that sends even more may get no answer.
const DISCARDED_PER_LIMIT: usize = 16;

/// Reads a complete body of up to `max_bytes` that arrives within `timeout`.
pub(super) async fn read(
    body: Body,
    max_bytes: usize,
    timeout: Duration,
) -> Result<Bytes, IntakeError> {
    let reading = tokio::time::timeout(timeout, read_whole(body, max_bytes));
    reading.await.unwrap_or(Err(IntakeError::BodyTimeout))
}

async fn read_whole(mut body: Body, max_bytes: usize) -> Result<Bytes, IntakeError> {
    let too_large = IntakeError::BodyTooLarge { max_bytes };
    let discarded_max = max_bytes.saturating_mul(DISCARDED_PER_LIMIT);
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > discarded_max {
        return Err(too_large);
    }
    // Nearly every body is one chunk, which is not copied.
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut read_bytes = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(|_| IntakeError::BodyBroken)?.into_data() else { continue };
        read_bytes = read_bytes.saturating_add(chunk.len());
        if read_bytes > discarded_max {
            return Err(too_large);
        } else if declared.max(read_bytes) > max_bytes {
            continue;
        } else if first.is_empty() {
            first = chunk;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&chunk);
        }
    }
    if read_bytes > max_bytes {
        return Err(too_large);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// Undoes `Content-Encoding: gzip`; the limit holds for what comes out.
pub(super) fn decompress(body: &Bytes, max_bytes: usize) -> Result<Bytes, IntakeError> {
    let mut decoded = Vec::new();
    let most = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(body.as_ref())
        .take(most)
        .read_to_end(&mut decoded)
        .map_err(|_| IntakeError::NotGzip)?;
    if decoded.len() > max_bytes {
        return Err(IntakeError::BodyTooLarge { max_bytes });
    }
    Ok(decoded.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use futures::stream;
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn body_of(chunks: Vec<Vec<u8>>) -> Body {
        Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, std::convert::Infallible>)))
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_with_or_without_a_declared_length() {
        for body in [Body::from(vec![b'x'; 11]), body_of(vec![vec![b'x'; 4]; 3])] {
            let error = read(body, 10, SECOND).await.unwrap_err();
            assert!(matches!(error, IntakeError::BodyTooLarge { max_bytes: 10 }), "{error}");
        }
    }

    #[tokio::test]
    async fn an_endless_body_is_not_read_forever() {
        let endless = stream::repeat_with(|| Ok::<_, std::convert::Infallible>(vec![b'x'; 100]));
        let error = read(Body::from_stream(endless), 10, SECOND).await.unwrap_err();
        assert!(matches!(error, IntakeError::BodyTooLarge { .. }), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_arrive_is_a_time_out() {
        let never = stream::pending::<Result<Vec<u8>, std::convert::Infallible>>();
        let error = read(Body::from_stream(never), 10, SECOND).await.unwrap_err();
        assert!(matches!(error, IntakeError::BodyTimeout), "{error}");
    }

    #[test]
    fn a_compressed_body_is_as_large_as_what_comes_out() {
        let compress = |bytes: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).unwrap();
            Bytes::from(encoder.finish().unwrap())
        };
        assert_eq!(decompress(&compress(b"0123456789"), 10).unwrap(), "0123456789");
        let bomb = compress(&vec![b'x'; 10_000_000]);
        let error = decompress(&bomb, 20_000).unwrap_err();
        assert!(matches!(error, IntakeError::BodyTooLarge { max_bytes: 20_000 }), "{error}");
        for broken in [Bytes::from_static(b"{}"), compress(b"0123456789").slice(..15)] {
            assert!(matches!(decompress(&broken, 100), Err(IntakeError::NotGzip)));
        }
    }

    proptest! {
        #[test]
        fn the_chunks_of_a_body_are_joined_in_order(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..9)) {
            let whole = chunks.concat();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
            let read = runtime.block_on(read(body_of(chunks), 100, SECOND))
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(read.as_ref(), whole.as_slice());
        }
    }
}
