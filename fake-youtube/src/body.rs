//! A response body that may break off before its declared end.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::socket::Fate;

/// How a body ends.
#[derive(Debug, Default)]
pub(crate) enum Ending {
    /// After its last byte.
    #[default]
    Whole,
    /// Half-way, with the connection closed.
    CutOff,
    /// Half-way, with the connection reset.
    Reset(Fate),
}

/// A few pieces of bytes, and how they end.
#[derive(Debug)]
pub(crate) struct Pieces {
    pieces: VecDeque<Bytes>,
    unsent_bytes: u64,
    ending: Ending,
    is_flushed: bool,
}

impl Pieces {
    pub(crate) fn new(pieces: Vec<Bytes>, ending: Ending) -> Self {
        let unsent_bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        // A client of HTTP/2 takes many empty frames for an attack and hangs up.
        let mut pieces: VecDeque<Bytes> =
            pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        if !matches!(ending, Ending::Whole) {
            keep_first(&mut pieces, unsent_bytes / 2);
        }
        Self { pieces, unsent_bytes, ending, is_flushed: false }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(piece) = self.pieces.pop_front() {
            self.unsent_bytes -= piece.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let fate = match &self.ending {
            Ending::Whole => return Poll::Ready(None),
            Ending::CutOff => None,
            Ending::Reset(fate) => Some(fate.clone()),
        };
        if !self.is_flushed {
            // hyper sends what it has only when the body makes it wait, and drops it on an error.
            self.is_flushed = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(fate) = fate {
            fate.reset();
        }
        Poll::Ready(Some(Err(io::Error::other("broken off on request"))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && matches!(self.ending, Ending::Whole)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.unsent_bytes)
    }
}

fn keep_first(pieces: &mut VecDeque<Bytes>, mut keep_bytes: u64) {
    for piece in pieces.iter_mut() {
        // A piece is never longer than memory, so the smaller of both fits.
        piece.truncate(usize::try_from(keep_bytes).unwrap_or(usize::MAX));
        keep_bytes -= piece.len() as u64;
    }
    pieces.retain(|piece| !piece.is_empty());
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn pieces(ending: Ending) -> Pieces {
        Pieces::new(
            vec![Bytes::from_static(b"abc"), Bytes::from_static(b""), Bytes::from_static(b"defgh")],
            ending,
        )
    }

    #[tokio::test]
    async fn a_whole_body_arrives_whole() {
        let body = pieces(Ending::Whole);
        assert_eq!(body.size_hint().exact(), Some(8));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abcdefgh");
    }

    #[tokio::test]
    async fn a_broken_body_declares_all_gives_half_and_fails() {
        let mut body = pieces(Ending::CutOff);
        assert_eq!(body.size_hint().exact(), Some(8));
        let mut seen = Vec::new();
        let error = loop {
            match body.frame().await.unwrap() {
                Ok(frame) => seen.extend_from_slice(&frame.into_data().unwrap()),
                Err(error) => break error,
            }
        };
        assert_eq!(seen, b"abcd");
        assert!(error.to_string().contains("on request"));
    }
}
