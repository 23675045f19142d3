//! One connection through the proxy: two directions, each a reader that notes when a chunk is
//! due and a writer that waits until then.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::Flow;

const CHUNK_BYTES: usize = 16 * 1024;
/// Chunks under way in one direction: 1 MiB, then the sender is held.
const CHUNKS_UNDER_WAY: usize = 64;

/// Both sides. What is dropped half-way is reset, as when a machine or a cable goes; what has
/// ended is closed, and its last bytes still arrive.
struct Sides {
    client: TcpStream,
    server: TcpStream,
    has_ended: bool,
}

impl Drop for Sides {
    fn drop(&mut self) {
        if !self.has_ended {
            // A side that is gone needs no reset.
            drop(self.client.set_zero_linger());
            drop(self.server.set_zero_linger());
        }
    }
}

/// Runs until both directions have ended. Aborting it resets both sides.
pub(super) async fn run(client: TcpStream, flow: watch::Receiver<Flow>) {
    let target = flow.borrow().target;
    let Ok(server) = TcpStream::connect(target).await else {
        drop(client.set_zero_linger());
        return;
    };
    let mut sides = Sides { client, server, has_ended: false };
    if sides.client.set_nodelay(true).is_err() || sides.server.set_nodelay(true).is_err() {
        return;
    }
    let (client_reader, client_writer) = sides.client.split();
    let (server_reader, server_writer) = sides.server.split();
    // The first error ends both: a reset on one side is a reset on the other.
    let both = tokio::try_join!(
        direction(client_reader, server_writer, flow.clone()),
        direction(server_reader, client_writer, flow),
    );
    sides.has_ended = both.is_ok();
}

async fn direction(
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin,
    flow: watch::Receiver<Flow>,
) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(CHUNKS_UNDER_WAY);
    tokio::try_join!(read(reader, sender, flow.clone()), write(writer, receiver, flow))?;
    Ok(())
}

async fn read(
    mut reader: impl AsyncRead + Unpin,
    chunks: mpsc::Sender<(Instant, Bytes)>,
    flow: watch::Receiver<Flow>,
) -> io::Result<()> {
    loop {
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        if reader.read_buf(&mut chunk).await? == 0 {
            return Ok(());
        }
        let due_at = Instant::now() + flow.borrow().delay;
        if chunks.send((due_at, chunk.freeze())).await.is_err() {
            return Ok(());
        }
    }
}

async fn write(
    mut writer: impl AsyncWrite + Unpin,
    mut chunks: mpsc::Receiver<(Instant, Bytes)>,
    mut flow: watch::Receiver<Flow>,
) -> io::Result<()> {
    while let Some((due_at, chunk)) = chunks.recv().await {
        sleep_until(due_at).await;
        // Without a sender the proxy is ending, and so are we.
        flow.wait_for(|flow| !flow.is_stalled).await.map_err(io::Error::other)?;
        writer.write_all(&chunk).await?;
    }
    writer.shutdown().await
}
