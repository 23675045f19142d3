//! Artillery as the load generator: the scenario files, run by Node, and what its processor
//! (`scenarios/processor.js`) wrote down of each request.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use linkrelay_testkit::process::ProcessBuilder;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::answer::Answer;
use super::request::{CLIENT_TIMEOUT, Outcome, Progress, Request, SentLoad};
use super::scenario::{self, Phase};
use super::schedule::moments;
use super::way::Way;

/// Node starts slowly on a busy machine, and Artillery ends with its next period of ten seconds.
const AROUND_LIMIT: Duration = Duration::from_secs(120);
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// What got's clock says when a client gives up.
const TIMED_OUT: &str = "ETIMEDOUT";

/// What is sent where, and when.
#[derive(Debug)]
pub struct Artillery {
    /// The producer.
    pub addr: SocketAddr,
    /// Through its environment.
    pub way: Way,
    /// The scenario's name.
    pub scenario: String,
    /// In place of those of the scenario.
    pub phases: Vec<Phase>,
    /// One link for all.
    pub fixed_link: Option<String>,
    /// Is told of every request's end.
    pub progress: Arc<Progress>,
}

/// A line of the processor's file.
#[derive(Debug, Deserialize)]
struct Line {
    links: Vec<String>,
    at_ms: i64,
    took_ms: f64,
    status: Option<u16>,
    answer: Option<String>,
    error: Option<String>,
}

/// Where `npm ci` puts Artillery.
pub fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("node_modules/.bin/artillery")
}

/// Whether it can be run: it was installed, and there is a Node.
pub fn is_there() -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let has_node = std::env::split_paths(&folders).any(|folder| folder.join("node").is_file());
    has_node && program().is_file()
}

impl Artillery {
    /// Sends all of it, and waits for every end. Dropping the future ends it.
    ///
    /// # Errors
    /// If Artillery fails, or does not send what it was to send.
    pub async fn run(self) -> Result<SentLoad> {
        let folder = tempfile::tempdir()?;
        let answers_file = folder.path().join("answers.ndjson");
        let mut answers = AnswersFile::create(&answers_file)?;
        let overrides = json!({ "config": { "phases": self.phases } });
        let mut builder = ProcessBuilder::new("artillery", program())
            .arg("run")
            .arg("--config")
            .arg(scenario::path("common"))
            .args(["--environment", self.way.name()])
            .args(["--target", &format!("http://{}", self.addr)])
            .args(["--overrides", &overrides.to_string()])
            .arg(scenario::path(&self.scenario))
            .env("LINKRELAY_ANSWERS", &answers_file)
            .env_remove("LINKRELAY_LINK")
            // It would tell its makers of every run.
            .env("ARTILLERY_DISABLE_TELEMETRY", "true");
        if let Some(link) = &self.fixed_link {
            builder = builder.env("LINKRELAY_LINK", link);
        }
        let mut process = builder.spawn()?;
        let expected = moments(&self.phases).len();
        let seconds: u32 = self.phases.iter().map(|phase| phase.duration).sum();
        let limit = Duration::from_secs(seconds.into()) + CLIENT_TIMEOUT + AROUND_LIMIT;
        let deadline = Instant::now() + limit;
        let mut requests = Vec::new();
        loop {
            // First whether it has ended, then what it wrote: so nothing is missed.
            let ended = process.exit_status()?;
            let new = answers.new_requests()?;
            new.iter().for_each(|(_, request)| self.progress.note(&request.outcome));
            requests.extend(new);
            if let Some(status) = ended {
                ensure!(status.success(), "Artillery ended: {status}\n{}", process.log_tail());
                let load = load(requests)?;
                let sent = load.requests.len();
                // It rounds the time of a ramp in its own way.
                let is_near = sent.abs_diff(expected) <= expected.div_ceil(50);
                ensure!(
                    is_near,
                    "Artillery sent {sent} requests, not {expected}\n{}",
                    process.log_tail()
                );
                return Ok(load);
            }
            ensure!(Instant::now() < deadline, "Artillery does not end\n{}", process.log_tail());
            sleep(LOOK_INTERVAL).await;
        }
    }
}

/// The processor's file, while it grows.
#[derive(Debug)]
struct AnswersFile {
    file: File,
    /// The beginning of a line whose end is not there yet.
    begun: Vec<u8>,
}

impl AnswersFile {
    fn create(path: &Path) -> Result<Self> {
        let options = OpenOptions::new().create(true).append(true).read(true).open(path);
        let file = options.with_context(|| format!("creating {}", path.display()))?;
        Ok(Self { file, begun: Vec::new() })
    }

    /// The requests that ended since the last look, and when they were sent, in milliseconds.
    fn new_requests(&mut self) -> Result<Vec<(i64, Request)>> {
        self.file.read_to_end(&mut self.begun).context("reading what Artillery wrote")?;
        let newline = self.begun.iter().rposition(|byte| *byte == b'\n');
        let Some(end) = newline else { return Ok(Vec::new()) };
        let rest = self.begun.split_off(end + 1);
        let whole = std::mem::replace(&mut self.begun, rest);
        let lines = whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| Ok(request(serde_json::from_slice(line)?))).collect()
    }
}

fn request(line: Line) -> (i64, Request) {
    let request = Request {
        took: Duration::from_secs_f64(line.took_ms.max(0.0) / 1e3),
        outcome: line.outcome(),
        links: line.links,
    };
    (line.at_ms, request)
}

fn load(requests: Vec<(i64, Request)>) -> Result<SentLoad> {
    let begun_ms = requests.iter().map(|(at_ms, _)| *at_ms).min();
    let begun_ms = begun_ms.context("Artillery sent nothing")?;
    Ok(SentLoad {
        begun_at: Timestamp::from_millisecond(begun_ms)?,
        requests: requests.into_iter().map(|(_, request)| request).collect(),
        latest: None,
    })
}

impl Line {
    fn outcome(&self) -> Outcome {
        match (self.status, self.error.as_deref()) {
            (Some(status), _) => {
                let body = self.answer.as_deref().unwrap_or_default();
                Outcome::Answered(Answer::read(status, body.as_bytes()))
            }
            (None, Some(TIMED_OUT)) => Outcome::TimedOut,
            (None, error) => Outcome::Broken(error.unwrap_or("no answer").to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const LINES: &str = concat!(
        r#"{"links":["a"],"at_ms":2000,"took_ms":12.5,"status":201,"answer":"{\"id\":\"01934a5e-7d6b-7c3a-9f00-0123456789ab-1\"}"}"#,
        "\n",
        r#"{"links":["b"],"at_ms":1000,"took_ms":10003.1,"error":"ETIMEDOUT"}"#,
        "\n",
        r#"{"links":["c"],"at_ms":3000,"took_ms":1.0,"error":"ECONNRESET"}"#,
        "\n",
    );

    #[test]
    fn the_processors_lines_become_requests_in_whatever_pieces_they_come() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers");
        let mut answers = AnswersFile::create(&path).unwrap();
        let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
        let mut requests = Vec::new();
        for piece in LINES.as_bytes().chunks(50) {
            writer.write_all(piece).unwrap();
            requests.extend(answers.new_requests().unwrap());
        }
        let load = load(requests).unwrap();
        assert_eq!(load.begun_at, Timestamp::from_millisecond(1_000).unwrap());
        let [answered, timed_out, broken] = load.requests.as_slice() else { panic!("{load:?}") };
        assert_eq!(answered.took, Duration::from_micros(12_500));
        let Outcome::Answered(answer) = &answered.outcome else { panic!("{answered:?}") };
        assert_eq!((answer.status, answer.promised.len()), (201, 1));
        assert_eq!(timed_out.outcome, Outcome::TimedOut);
        assert_eq!(broken.outcome, Outcome::Broken("ECONNRESET".to_owned()));
    }

    #[test]
    fn what_is_no_line_of_the_processor_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers");
        let mut answers = AnswersFile::create(&path).unwrap();
        std::fs::write(&path, "nonsense\n").unwrap();
        assert!(answers.new_requests().is_err());
        assert!(load(Vec::new()).is_err());
    }
}
