//! A proxy between a client and a MongoDB that reads the client's commands and answers some of
//! them itself, like a server whose user lacks a right, or whose disk is full.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use mongodb::bson::{Document, RawDocument};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;

use crate::listener::Listener;

/// Every message begins with its length, its number, the number that it answers, and its kind.
const HEADER_BYTES: usize = 16;
/// The only kind of message since MongoDB 3.6.
const OP_MSG: [u8; 4] = 2_013_i32.to_le_bytes();
/// Far above what any test sends.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
const MESSAGES_IN_FLIGHT: usize = 16;

/// A running proxy. Dropping it ends every connection through it.
#[derive(Debug)]
pub struct MongoFront {
    listener: Listener,
    watched: Arc<Mutex<Watched>>,
}

#[derive(Debug, Default)]
struct Watched {
    /// By the command's name.
    answers: HashMap<String, Document>,
    seen: Vec<Document>,
}

impl MongoFront {
    /// Listens on a free port of 127.0.0.1, and passes everything on to `target`.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let watched = Arc::<Mutex<Watched>>::default();
        let shared = Arc::clone(&watched);
        let serve = move |client| {
            let watched = Arc::clone(&shared);
            // Both client and server may hang up at any time.
            async move { drop(pass_on(client, target, &watched).await) }
        };
        Ok(Self { listener: Listener::start(Ipv4Addr::LOCALHOST, serve).await?, watched })
    }

    /// The connection string for a client.
    pub fn uri(&self) -> String {
        format!("mongodb://{}/?directConnection=true", self.listener.addr())
    }

    /// Answers every further command of this name with `answer`; the server does not see them.
    pub fn answer(&self, command: &str, answer: Document) {
        self.with(|watched| watched.answers.insert(command.to_owned(), answer));
    }

    /// Lets the server answer this command again.
    pub fn pass(&self, command: &str) {
        self.with(|watched| watched.answers.remove(command));
    }

    /// The commands of this name that clients have sent so far.
    pub fn seen(&self, command: &str) -> Vec<Document> {
        let is_wanted = |seen: &&Document| seen.keys().next().is_some_and(|name| name == command);
        self.with(|watched| watched.seen.iter().filter(is_wanted).cloned().collect())
    }

    fn with<T>(&self, look: impl FnOnce(&mut Watched) -> T) -> T {
        look(&mut self.watched.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn pass_on(client: TcpStream, target: SocketAddr, watched: &Mutex<Watched>) -> Result<()> {
    let (mut from_client, to_client) = client.into_split();
    let (mut from_server, mut to_server) = TcpStream::connect(target).await?.into_split();
    let (answers, answers_seen) = mpsc::channel(MESSAGES_IN_FLIGHT);
    let own_answers = answers.clone();
    let commands = async move {
        loop {
            let message = read_message(&mut from_client).await?;
            match own_answer(&message, watched) {
                Some(answer) => own_answers.send(answer).await?,
                None => to_server.write_all(&message).await?,
            }
        }
    };
    let replies = async move {
        loop {
            answers.send(read_message(&mut from_server).await?).await?;
        }
    };
    // Whichever ends first ends the connection.
    tokio::select! {
        ended = commands => ended,
        ended = replies => ended,
        ended = write(to_client, answers_seen) => ended,
    }
}

async fn write(mut to_client: OwnedWriteHalf, mut messages: mpsc::Receiver<Vec<u8>>) -> Result<()> {
    while let Some(message) = messages.recv().await {
        to_client.write_all(&message).await?;
    }
    Ok(())
}

async fn read_message(from: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>> {
    let length = from.read_i32_le().await?;
    let length_bytes = usize::try_from(length)?;
    anyhow::ensure!((HEADER_BYTES..=MAX_MESSAGE_BYTES).contains(&length_bytes), "no message");
    let mut message = length.to_le_bytes().to_vec();
    message.resize(length_bytes, 0);
    from.read_exact(&mut message[4..]).await?;
    Ok(message)
}

/// Records the command, and returns the answer to it if a test has set one.
fn own_answer(message: &[u8], watched: &Mutex<Watched>) -> Option<Vec<u8>> {
    let command = command(message)?;
    let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = watched.answers.get(command.keys().next()?).cloned();
    watched.seen.push(command);
    let body = mongodb::bson::to_vec(&answer?).ok()?;
    // No flags, and one section: the document of the answer.
    let mut reply = vec![0; 4];
    reply.extend_from_slice(&message[4..8]);
    reply.extend_from_slice(&message[4..8]);
    reply.extend_from_slice(&OP_MSG);
    reply.extend_from_slice(&[0; 5]);
    reply.extend_from_slice(&body);
    let length = i32::try_from(reply.len()).ok()?;
    reply[..4].copy_from_slice(&length.to_le_bytes());
    Some(reply)
}

/// The document of a command, which is its first section; inserted documents are in later ones.
fn command(message: &[u8]) -> Option<Document> {
    if message.get(12..HEADER_BYTES)? != OP_MSG || *message.get(HEADER_BYTES + 4)? != 0 {
        return None;
    }
    let body = message.get(HEADER_BYTES + 5..)?;
    let length = usize::try_from(i32::from_le_bytes(*body.first_chunk::<4>()?)).ok()?;
    RawDocument::from_bytes(body.get(..length)?).ok()?.try_into().ok()
}
