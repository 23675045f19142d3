//! A TCP proxy between a client and a server, at an address that stays: it cuts, stalls,
//! delays, and follows a server that moves.

mod connection;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::tools::free_port;

/// How traffic flows while there is any; read anew for every chunk.
#[derive(Debug, Clone, Copy)]
struct Flow {
    target: SocketAddr,
    delay: Duration,
    is_stalled: bool,
}

/// What changes the listener itself, answered once it is done.
#[derive(Debug)]
enum Command {
    Cut(oneshot::Sender<()>),
    Mend(oneshot::Sender<io::Result<()>>),
}

/// The handle. Dropping it ends the proxy and every connection through it.
#[derive(Debug)]
pub struct TcpProxy {
    addr: SocketAddr,
    flow: watch::Sender<Flow>,
    commands: mpsc::Sender<Command>,
    _task: AbortOnDropHandle<()>,
}

impl TcpProxy {
    /// Listens on a free port of 127.0.0.1 and passes everything on to `target`, which need not
    /// be there yet. Lives on the runtime of the caller.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let listener = TcpListener::bind(addr).await.context("binding the proxy's port")?;
        let (flow, flow_seen) =
            watch::channel(Flow { target, delay: Duration::ZERO, is_stalled: false });
        let (commands, commands_seen) = mpsc::channel(1);
        let task = tokio::spawn(run(addr, listener, flow_seen, commands_seen));
        Ok(Self { addr, flow, commands, _task: AbortOnDropHandle::new(task) })
    }

    /// Where it listens, for as long as it lives.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Resets every connection and refuses new ones; both are so when this returns.
    ///
    /// # Errors
    /// If the proxy is gone.
    pub async fn cut(&self) -> Result<()> {
        let (done, is_done) = oneshot::channel();
        self.commands.send(Command::Cut(done)).await.context("the proxy is gone")?;
        is_done.await.context("the proxy is gone")
    }

    /// Takes connections again after a [cut](Self::cut).
    ///
    /// # Errors
    /// If its port was taken meanwhile.
    pub async fn mend(&self) -> Result<()> {
        let (done, is_done) = oneshot::channel();
        self.commands.send(Command::Mend(done)).await.context("the proxy is gone")?;
        is_done.await.context("the proxy is gone")?.context("binding the proxy's port again")
    }

    /// Everything arrives this much later, in both directions. Bandwidth stays.
    pub fn delay(&self, delay: Duration) {
        self.flow.send_modify(|flow| flow.delay = delay);
    }

    /// Connections are taken and stay open, but nothing passes.
    pub fn stall(&self) {
        self.flow.send_modify(|flow| flow.is_stalled = true);
    }

    /// Lets everything pass that a [stall](Self::stall) held.
    pub fn flow(&self) {
        self.flow.send_modify(|flow| flow.is_stalled = false);
    }

    /// New connections go to another server. Those that are open keep theirs.
    pub fn retarget(&self, target: SocketAddr) {
        self.flow.send_modify(|flow| flow.target = target);
    }
}

/// Owns the listener and every connection.
async fn run(
    addr: SocketAddr,
    listener: TcpListener,
    flow: watch::Receiver<Flow>,
    mut commands: mpsc::Receiver<Command>,
) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                None => return,
                Some(Command::Cut(done)) => {
                    listener = None;
                    connections.shutdown().await;
                    // Whoever asked may have gone.
                    let _is_heard = done.send(());
                }
                Some(Command::Mend(done)) => {
                    let _is_heard = done.send(listen(addr, &mut listener).await);
                }
            },
            Some(client) = accept(listener.as_ref()) => {
                connections.spawn(connection::run(client, flow.clone()));
            }
            // Frees what has ended.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn listen(addr: SocketAddr, listener: &mut Option<TcpListener>) -> io::Result<()> {
    if listener.is_none() {
        *listener = Some(TcpListener::bind(addr).await?);
    }
    Ok(())
}

/// The next client; `None` without a listener, or if a client was gone before it was taken.
async fn accept(listener: Option<&TcpListener>) -> Option<TcpStream> {
    listener?.accept().await.ok().map(|(client, _)| client)
}
