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

/// Runs until both directions have ended. Aborting it resets both sides.
pub(super) async fn run(mut client: TcpStream, flow: watch::Receiver<Flow>) {
    let target = flow.borrow().target;
    let Ok(mut server) = TcpStream::connect(target).await else {
        drop(client.set_zero_linger());
        return;
    };
    if prepare(&client).and_then(|()| prepare(&server)).is_err() {
        return;
    }
    let (client_reader, client_writer) = client.split();
    let (server_reader, server_writer) = server.split();
    // The first error ends both: a reset on one side is a reset on the other.
    let _ended = tokio::try_join!(
        direction(client_reader, server_writer, flow.clone()),
        direction(server_reader, client_writer, flow),
    );
}

/// What is dropped half-way is a reset, as when a machine or a cable goes.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_zero_linger()?;
    stream.set_nodelay(true)
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
