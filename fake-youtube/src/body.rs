//! A response body that may break off before its declared end.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use http_body_util::StreamBody;
use hyper::body::Frame;
use socket2::SockRef;
use tokio::net::TcpStream;

/// The pieces of an answer, one after the other.
pub(crate) type Body = StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>;

/// How a body ends.
#[derive(Debug)]
pub(crate) enum Ending {
    /// After its last byte.
    Complete,
    /// After half of its bytes, with the connection closed.
    CutOff,
    /// After half of its bytes, with the connection reset.
    Reset(Connection),
}

/// A second handle of a TCP connection, with which an answer decides how the connection ends.
#[derive(Debug, Clone)]
pub(crate) struct Connection(Arc<OwnedFd>);

impl Connection {
    /// Returns a handle of this connection, which stays open as long as there is a handle.
    ///
    /// # Errors
    /// If the process has no file descriptor left.
    pub(crate) fn new(tcp: &TcpStream) -> io::Result<Self> {
        Ok(Self(Arc::new(tcp.as_fd().try_clone_to_owned()?)))
    }

    fn reset_on_close(&self) {
        // If this fails, the connection is closed without a reset.
        drop(SockRef::from(&*self.0).set_linger(Some(Duration::ZERO)));
    }
}

/// Returns a body of these pieces with this ending.
pub(crate) fn body(mut pieces: Vec<Bytes>, ending: Ending) -> Body {
    let connection = match ending {
        Ending::Complete => {
            // An HTTP/2 client takes many empty frames for an attack and closes the connection.
            pieces.retain(|piece| !piece.is_empty());
            let frames = stream::iter(pieces).map(|piece| Ok(Frame::data(piece)));
            return StreamBody::new(frames.boxed());
        }
        Ending::CutOff => None,
        Ending::Reset(connection) => Some(connection),
    };
    let mut half = pieces.concat();
    half.truncate(half.len() / 2);
    let end = async move {
        // hyper sends what it has only while the body is pending, and drops it on an error.
        tokio::task::yield_now().await;
        if let Some(connection) = connection {
            connection.reset_on_close();
        }
        Err(io::Error::other("broken off on request"))
    };
    let half = async { Ok(Frame::data(Bytes::from(half))) };
    StreamBody::new(stream::once(half).chain(stream::once(end)).boxed())
}
