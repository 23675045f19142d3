//! One submission: the name that the keys of its requests have, and what the server has
//! acknowledged of it; in a file, if it is to outlive the process.
//!
//! The server derives the id of a request from its key and its links. So a request that is sent
//! again by the same submission is the same request, even after a kill, and the file may know less
//! than the server. It must never know more: a request is written down as sent before it is sent,
//! and as acknowledged after it was.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use linkrelay_common::RequestId;
use serde::{Deserialize, Serialize};

use super::batches::Batch;

/// Fewer than a server accepts in one request.
const LINKS_PER_REQUEST: usize = 500;

/// What a server has answered to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    /// Missing if every link was rejected.
    pub(super) id: Option<String>,
    pub(super) accepted: u64,
    pub(super) rejected: u64,
}

/// A submission, from its first request to its last.
#[derive(Debug)]
pub(super) struct Submission {
    begin: Begin,
    requests: Vec<Request>,
    file: Option<(PathBuf, File)>,
}

/// The first line of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Begin {
    submission: String,
    server: String,
    links_per_request: usize,
}

/// Each other line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Entry {
    /// The request with this number is sent from here on.
    Sent {
        request: usize,
        links: RequestId,
    },
    Acknowledged {
        request: usize,
        answer: Answer,
    },
}

#[derive(Debug)]
struct Request {
    /// The id that the key and all links of the request have.
    links: RequestId,
    answer: Option<Answer>,
}

impl Submission {
    /// A submission that ends with this process.
    pub(super) fn of_this_process(server: &str) -> Self {
        // A name that was never used before.
        let submission = RequestId::new(1).to_string();
        let links_per_request = LINKS_PER_REQUEST;
        let begin = Begin { submission, server: server.to_owned(), links_per_request };
        Self { begin, requests: Vec::new(), file: None }
    }

    /// Continues the submission in this file, or begins one if there is no such file.
    ///
    /// # Errors
    /// If the file is not of a submission to this server, if another process uses it, or if it
    /// cannot be written.
    pub(super) fn resume(path: &Path, server: &str) -> anyhow::Result<Self> {
        let opened = OpenOptions::new().read(true).append(true).create(true).open(path);
        let file = opened.with_context(|| format!("cannot open {}", path.display()))?;
        let resumed = Self::resume_file(&file, path, server);
        let (begin, requests) = resumed.with_context(|| format!("{}", path.display()))?;
        Ok(Self { begin, requests, file: Some((path.to_owned(), file)) })
    }

    fn resume_file(
        file: &File,
        path: &Path,
        server: &str,
    ) -> anyhow::Result<(Begin, Vec<Request>)> {
        file.try_lock().context("another `linkrelay submit` uses it")?;
        let mut reader = BufReader::new(file);
        let mut line = String::new();
        if reader.read_line(&mut line).context("it is not a file of `submit --resume`")? == 0 {
            let begin = Self::of_this_process(server).begin;
            write_line(file, &begin)?;
            // The name must outlive even the machine's end before the first request has it.
            file.sync_all()?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()?;
            return Ok((begin, Vec::new()));
        }
        let begin: Begin =
            serde_json::from_str(&line).context("it is not a file of `submit --resume`")?;
        ensure!(
            begin.server == server,
            "it is of a submission to {}; if that is the same linkrelay as {server}, change the \
             address on its first line",
            begin.server
        );
        let (requests, end) = read_requests(&mut reader, line.len() as u64)?;
        // An entry that the end of a process has cut short.
        file.set_len(end)?;
        Ok((begin, requests))
    }

    /// Returns how many links a request has.
    pub(super) fn links_per_request(&self) -> usize {
        self.begin.links_per_request
    }

    /// Returns how many requests were acknowledged before.
    pub(super) fn acknowledged_count(&self) -> usize {
        self.requests.iter().filter(|request| request.answer.is_some()).count()
    }

    /// Returns the key of a request; each attempt has it.
    pub(super) fn key(&self, number: usize) -> String {
        format!("submit-{}-{number}", self.begin.submission)
    }

    /// Notes that a request is sent from here on, unless it was answered before: then returns that
    /// answer.
    ///
    /// # Errors
    /// If the request was sent before with other links, or the file cannot be written.
    pub(super) fn send(&mut self, batch: &Batch) -> anyhow::Result<Option<Answer>> {
        let request = batch.number;
        let links = RequestId::from_idempotency_key(&self.key(request), &batch.links);
        if let Some(before) = self.requests.get(request) {
            if before.links == links {
                return Ok(before.answer.clone());
            }
            bail!(
                "the links after the first {} are not those that were submitted before; submit \
                 what was changed by itself, without --resume or with another file",
                batch.links_before
            );
        }
        self.write(&Entry::Sent { request, links })?;
        self.requests.push(Request { links, answer: None });
        Ok(None)
    }

    /// Notes an answer to a request that was sent.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn acknowledge(&mut self, request: usize, answer: Answer) -> anyhow::Result<()> {
        let Some(known) = self.requests.get_mut(request) else { return Ok(()) };
        if known.answer.is_none() {
            known.answer = Some(answer.clone());
            self.write(&Entry::Acknowledged { request, answer })?;
        }
        Ok(())
    }

    fn write(&self, entry: &Entry) -> anyhow::Result<()> {
        match &self.file {
            Some((path, file)) => {
                write_line(file, entry).with_context(|| format!("cannot write {}", path.display()))
            }
            None => Ok(()),
        }
    }
}

/// Writes a line in one piece.
fn write_line(mut file: &File, value: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(file.write_all(&line)?)
}

/// Reads the entries behind the first line, up to the first that is not complete. Returns also
/// where the last complete one ends.
fn read_requests(reader: &mut impl BufRead, mut end: u64) -> anyhow::Result<(Vec<Request>, u64)> {
    let (mut requests, mut line) = (Vec::<Request>::new(), Vec::new());
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        let entry = line.strip_suffix(b"\n").and_then(|line| serde_json::from_slice(line).ok());
        match entry {
            Some(Entry::Sent { request, links }) if request == requests.len() => {
                requests.push(Request { links, answer: None });
            }
            Some(Entry::Acknowledged { request, answer }) if request < requests.len() => {
                requests[request].answer = Some(answer);
            }
            _ => return Ok((requests, end)),
        }
        end += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "http://127.0.0.1:3000";

    fn batch(number: usize, link: &str) -> Batch {
        Batch { number, links_before: number as u64, links: vec![link.to_owned()] }
    }

    fn answer(id: &str) -> Answer {
        Answer { id: Some(id.to_owned()), accepted: 1, rejected: 0 }
    }

    fn resume(path: &Path) -> anyhow::Result<Submission> {
        Submission::resume(path, SERVER)
    }

    #[test]
    fn what_was_acknowledged_is_known_wherever_the_file_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress");
        let mut first = resume(&path).unwrap();
        let begin = std::fs::metadata(&path).unwrap().len();
        for number in 0..3 {
            assert_eq!(first.send(&batch(number, "a")).unwrap(), None);
            first.acknowledge(number, answer(&number.to_string())).unwrap();
        }
        let keys: Vec<String> = (0..4).map(|number| first.key(number)).collect();
        drop(first);
        let whole = std::fs::read(&path).unwrap();
        let mut known_counts = Vec::new();
        for length in usize::try_from(begin).unwrap()..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut resumed = resume(&path).unwrap();
            let known = resumed.acknowledged_count();
            known_counts.push(known);
            for (number, key) in keys.iter().enumerate() {
                assert_eq!(resumed.key(number), *key);
                let wanted = (number < known).then(|| answer(&number.to_string()));
                assert_eq!(resumed.send(&batch(number, "a")).unwrap(), wanted);
                resumed.acknowledge(number, answer(&number.to_string())).unwrap();
            }
            drop(resumed);
            // What the second process wrote is complete as well.
            assert_eq!(resume(&path).unwrap().acknowledged_count(), 4);
        }
        known_counts.dedup();
        assert_eq!(known_counts, [0, 1, 2, 3]);
    }

    #[test]
    fn changed_links_are_refused_whether_or_not_they_were_answered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress");
        let mut first = resume(&path).unwrap();
        first.send(&batch(0, "a")).unwrap();
        first.acknowledge(0, answer("0")).unwrap();
        first.send(&batch(1, "b")).unwrap();
        drop(first);
        let mut resumed = resume(&path).unwrap();
        assert!(resumed.send(&batch(0, "other")).is_err());
        let error = resumed.send(&batch(1, "other")).unwrap_err().to_string();
        assert!(error.contains("after the first 1 "), "{error}");
        assert_eq!(resumed.send(&batch(0, "a")).unwrap(), Some(answer("0")));
        assert_eq!(resumed.send(&batch(1, "b")).unwrap(), None);
        assert_eq!(resumed.send(&batch(2, "new")).unwrap(), None);
    }

    #[test]
    fn a_file_of_something_else_is_refused_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("links.txt");
        for text in ["https://youtu.be/5fR9AHlSDtc\n", "{}\n", "\n", "\u{0}"] {
            std::fs::write(&path, text).unwrap();
            let error = format!("{:#}", resume(&path).unwrap_err());
            assert!(error.contains("not a file of `submit --resume`"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_file_has_one_process_and_one_server() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress");
        let first = resume(&path).unwrap();
        assert!(format!("{:#}", resume(&path).unwrap_err()).contains("another"));
        drop(first);
        let error = format!("{:#}", Submission::resume(&path, "http://other:3000").unwrap_err());
        assert!(error.contains(SERVER) && error.contains("http://other:3000"), "{error}");
        resume(&path).unwrap();
    }

    #[test]
    fn no_two_submissions_have_a_key_in_common() {
        let of = || Submission::of_this_process(SERVER).key(0);
        assert_ne!(of(), of());
    }
}
