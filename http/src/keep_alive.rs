//! How long a connection may wait: for the rest of a request's header, and for the next request.
//!
//! hyper has one time-out for both. Here a header has to be complete within its own, counted from
//! its first byte, and only a connection without a request waits for the longer one.
//!
//! It must not know: what a request is about.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// What the requests of a connection report to its stream.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    begun: AtomicU64,
    is_in_flight: AtomicBool,
}

impl Requests {
    /// Reports that the header of a request is complete.
    pub(crate) fn begin(&self) {
        self.is_in_flight.store(true, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// Reports that the request is answered.
    pub(crate) fn end(&self) {
        self.is_in_flight.store(false, Ordering::Relaxed);
    }
}

/// A stream whose reads fail with [`io::ErrorKind::TimedOut`] if a header does not arrive in time.
#[derive(Debug)]
pub(crate) struct HeaderDeadline<S> {
    stream: S,
    requests: Arc<Requests>,
    timeout: Duration,
    /// How many requests had begun at the last read.
    begun: u64,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> HeaderDeadline<S> {
    /// Begins the time of the first header.
    pub(crate) fn new(stream: S, requests: Arc<Requests>, timeout: Duration) -> Self {
        let deadline = Some(Box::pin(sleep(timeout)));
        Self { stream, requests, timeout, begun: 0, deadline }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeaderDeadline<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let begun = this.requests.begun.load(Ordering::Relaxed);
        if begun != this.begun {
            this.begun = begun;
            this.deadline = None;
        }
        if let Some(deadline) = &mut this.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let filled = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let is_header = !this.requests.is_in_flight.load(Ordering::Relaxed);
        if is_header && buf.filled().len() > filled && this.deadline.is_none() {
            this.deadline = Some(Box::pin(sleep(this.timeout)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeaderDeadline<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
