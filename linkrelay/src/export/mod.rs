//! `linkrelay export`: saves all videos that a filter selects.
//!
//! In reading order: `rows` finds the complete rows of an answer and how it ended; `output` is
//! where they go; `progress` shows how many there are. A broken connection is resumed behind the
//! last complete row.

mod output;
mod progress;
mod rows;

use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use linkrelay_common::{SettingsError, shutdown};
use reqwest::Version;
use tokio::time::{sleep, timeout};

use crate::api::{Api, ExportRefusal, ServerArguments};
use crate::exit::Outcome;
use crate::quoted::quoted;
use crate::video_filter::FilterArguments;
use output::Output;
use progress::RowProgress;
use rows::Rows;

/// How often the rest is asked for without getting one more row.
const MAX_ATTEMPTS: u32 = 6;
/// The pause before the first of these; each one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How long a connection may be without a byte: a filter may select nothing of millions of videos.
const READ_TIMEOUT: Duration = Duration::from_secs(600);

/// The format of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line
    Ndjson,
    /// A table with a header row
    Csv,
}

/// Which videos to export, and where to.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The format of the rows
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,

    /// The file to write; while it is incomplete it has the ending .part. - is stdout
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: String,

    /// Go on behind the row with this cursor, at the end of FILE.part; on stdout without a header
    #[arg(long, value_name = "CURSOR", allow_hyphen_values = true)]
    after: Option<String>,

    /// Only videos with these parts of words, as `linkrelay search` finds them
    #[arg(long, value_name = "WORDS")]
    q: Option<String>,

    #[command(flatten)]
    filter: FilterArguments,

    /// Begin a CSV with a byte order mark, by which Excel knows UTF-8
    #[arg(long)]
    bom: bool,

    /// Leave texts in a CSV as they are that a spreadsheet takes for formulas
    #[arg(long)]
    raw: bool,

    #[command(flatten)]
    server: ServerArguments,
}

impl ExportArguments {
    /// Returns the parameters of the request for what is behind `after`.
    fn parameters<'a>(&'a self, after: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
        let format = if self.format == Format::Csv { "csv" } else { "ndjson" };
        let mut all = vec![("format", format)];
        all.extend(self.q.as_deref().map(|q| ("q", q)));
        all.extend(self.filter.parameters());
        all.extend(self.bom.then_some(("bom", "true")));
        all.extend(self.raw.then_some(("raw", "true")));
        all.extend(after.map(|after| ("after", after)));
        all
    }

    /// Returns the command that exports what is behind `after`.
    fn command(&self, after: Option<&str>) -> String {
        let mut command = "linkrelay export".to_owned();
        let mut add = |name: &str, value: &str| {
            let name = name.replace('_', "-");
            command = format!("{command} --{name} {}", quoted(value));
        };
        for (name, value) in self.parameters(after) {
            if !matches!(name, "bom" | "raw") {
                add(name, value);
            }
        }
        add("output", &self.output);
        add("server", self.server.url());
        for (flag, is_set) in [(" --bom", self.bom), (" --raw", self.raw)] {
            command.push_str(if is_set { flag } else { "" });
        }
        command
    }

    fn check(&self) -> Result<(), SettingsError> {
        for (flag, is_set) in [("--bom", self.bom), ("--raw", self.raw)] {
            if is_set && self.format != Format::Csv {
                return Err(SettingsError::new(flag, "is only for --format csv"));
            }
        }
        Ok(())
    }
}

pub(crate) async fn run(arguments: ExportArguments) -> anyhow::Result<Outcome> {
    arguments.check()?;
    let stop = shutdown::on_signal().context("signals cannot be received")?;
    let output = Output::open(&arguments.output, arguments.after.as_deref())?;
    // What is on stdout already, this process cannot see.
    let goes_to_stdout = arguments.output == "-";
    let is_continued = output.has_rows() || (goes_to_stdout && arguments.after.is_some());
    let mut export = Export {
        api: arguments.server.connect()?,
        rows: Rows::new(arguments.format == Format::Csv, is_continued, arguments.after.clone()),
        arguments,
        output,
        progress: RowProgress::new(),
    };
    let ended = stop.run_until_cancelled(export.run()).await;
    export.conclude(ended)
}

/// An export in progress.
struct Export {
    arguments: ExportArguments,
    api: Api,
    rows: Rows,
    output: Output,
    progress: RowProgress,
}

impl Export {
    /// Asks for what is left until there is nothing.
    async fn run(&mut self) -> anyhow::Result<()> {
        let (mut attempts, mut pause) = (0, FIRST_PAUSE);
        loop {
            let before = self.rows.count();
            let (problem, wait) = match self.attempt().await {
                Ok(()) => return Ok(()),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Again(error, wait)) => (error, wait),
            };
            if self.rows.count() > before {
                (attempts, pause) = (0, FIRST_PAUSE);
            }
            attempts += 1;
            if attempts == MAX_ATTEMPTS {
                return Err(problem.context(format!("given up after {attempts} attempts")));
            }
            let wait = wait.unwrap_or(pause);
            pause *= 2;
            self.progress.say(&format!("{problem:#}; going on in {} s", wait.as_secs()));
            sleep(wait).await;
        }
    }

    /// Asks for what is left, and writes the complete rows of the answer.
    async fn attempt(&mut self) -> Result<(), Failure> {
        self.rows.begin_answer();
        let after = self.rows.after().map(str::to_owned);
        let parameters = self.arguments.parameters(after.as_deref());
        let mut response = match self.api.export(&parameters).await {
            Ok(response) => response,
            Err(ExportRefusal::Final(detail)) => {
                return Err(Failure::Final(anyhow::anyhow!(detail)));
            }
            Err(ExportRefusal::Again(error, wait)) => return Err(Failure::Again(error, wait)),
        };
        // Over HTTP/1.0 a connection that breaks looks like the end of the answer.
        if self.arguments.format == Format::Csv && response.version() < Version::HTTP_11 {
            let problem = "a server between answers by HTTP/1.0, over which the end of a CSV cannot \
                be told from a break: let it use 1.1, or export ndjson";
            return Err(Failure::Final(anyhow::anyhow!(problem)));
        }
        let mut complete = Vec::new();
        loop {
            let chunk = match timeout(READ_TIMEOUT, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => {
                    let error = anyhow::Error::from(error).context("the connection broke");
                    return Err(Failure::Again(error, None));
                }
                Err(_) => return Err(again("the server sends nothing")),
            };
            let broken = self.rows.take(&chunk, &mut complete);
            self.output.write(&complete).map_err(Failure::Final)?;
            complete.clear();
            self.progress.set(self.rows.count());
            broken.map_err(|detail| again(&detail))?;
        }
        self.rows.end_answer().map_err(|detail| again(&detail))
    }

    /// Renames the complete file, or says how to go on. `ended` is `None` after an interrupt.
    fn conclude(mut self, ended: Option<anyhow::Result<()>>) -> anyhow::Result<Outcome> {
        self.progress.finish();
        let error = match ended {
            Some(Ok(())) => {
                self.output.complete()?;
                eprintln!("exported {} rows", self.rows.count());
                return Ok(Outcome::Done);
            }
            Some(Err(error)) => Some(error),
            None => None,
        };
        // Those that a full disk refuses are lost, and so is the cursor behind them.
        self.output.flush()?;
        eprintln!("exported {} rows; to go on:", self.rows.count());
        eprintln!("{}", self.arguments.command(self.rows.after()));
        error.map_or(Ok(Outcome::SomeFailed), Err)
    }
}

/// Why an answer is not complete.
enum Failure {
    /// Another attempt can help, after this time if the server says one.
    Again(anyhow::Error, Option<Duration>),
    Final(anyhow::Error),
}

fn again(problem: &str) -> Failure {
    Failure::Again(anyhow::anyhow!(problem.to_owned()), None)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        export: ExportArguments,
    }

    fn parse(arguments: &[&str]) -> ExportArguments {
        Command::parse_from([&["export"], arguments].concat()).export
    }

    #[test]
    fn the_command_that_goes_on_is_the_same_with_the_cursor() {
        let arguments = parse(&[
            "--format",
            "csv",
            "--output",
            "my file's.csv",
            "--category",
            "People & Blogs",
            "--length-from",
            "60",
            "--bom",
            "--server",
            "http://127.0.0.1:9",
            "--after",
            "9",
        ]);
        assert_eq!(
            arguments.command(Some("-5.7")),
            r"linkrelay export --format csv --category 'People & Blogs' --length-from 60 --after -5.7 --output 'my file'\''s.csv' --server http://127.0.0.1:9/ --bom"
        );
        let again = parse(&["--after", "-5.7"]);
        assert_eq!(again.after.as_deref(), Some("-5.7"));
    }

    #[test]
    fn options_of_a_csv_are_refused_for_json() {
        for flag in ["--bom", "--raw"] {
            assert_eq!(parse(&[flag]).check().unwrap_err().setting, flag);
            assert_eq!(parse(&[flag, "--format", "csv"]).check(), Ok(()));
        }
    }
}
