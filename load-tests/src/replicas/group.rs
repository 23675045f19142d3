//! The worker processes of one consumer group, and what they report.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::process::{Process, ProcessBuilder, workspace_binary};
use linkrelay_testkit::wait::{SHORT, wait_for};

use super::worker::Report;

const LIMIT: Duration = Duration::from_secs(120);

/// A group that reads one topic.
pub(crate) struct Group<'a> {
    pub(crate) broker: &'a KafkaBroker,
    pub(crate) topic: &'a str,
    pub(crate) name: String,
    /// `classic` or `consumer`.
    pub(crate) protocol: &'static str,
    pub(crate) latency: Duration,
    pub(crate) in_flight: usize,
}

/// A process of the group.
pub(crate) struct Worker {
    process: Process,
    started_ms: i64,
}

impl Group<'_> {
    /// Starts a process.
    pub(crate) fn start(&self) -> Result<Worker> {
        Worker::start(self.builder()?)
    }

    /// Returns a process that is not started yet.
    pub(crate) fn builder(&self) -> Result<ProcessBuilder> {
        let in_flight = self.in_flight.to_string();
        let settings = [
            ("--kafka-brokers", self.broker.bootstrap_servers()),
            ("--kafka-topic", self.topic.to_owned()),
            ("--kafka-dlq-topic", crate::kafka::dlq(self.topic)),
            ("--kafka-group-id", self.name.clone()),
            ("--kafka-group-protocol", self.protocol.to_owned()),
            ("--max-in-flight", in_flight.clone()),
            ("--concurrency-per-partition", in_flight),
            ("--latency", format!("{}us", self.latency.as_micros())),
        ];
        let arguments = settings.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
        let program = workspace_binary("replica")?;
        Ok(ProcessBuilder::new("replica", program).args(arguments))
    }
}

impl Worker {
    /// Starts a process that prints reports.
    pub(crate) fn start(builder: ProcessBuilder) -> Result<Self> {
        let started_ms = Timestamp::now().as_millisecond();
        Ok(Self { process: builder.spawn()?, started_ms })
    }

    /// Waits for the first link, and returns how long after the process's start it was stored.
    pub(crate) async fn until_first(&mut self) -> Result<Duration> {
        let reports = wait_for("the first link", LIMIT, SHORT, async || {
            if let Err(error) = self.process.ensure_running() {
                return Ok(Err(error));
            }
            match self.reports() {
                Ok(reports) if reports.iter().any(|report| report.acknowledged > 0) => {
                    Ok(Ok(reports))
                }
                Ok(reports) => Err(format!("{} reports, all of 0", reports.len())),
                Err(error) => Err(format!("{error:#}")),
            }
        });
        let reports = reports.await??;
        let first = reports.iter().find(|report| report.acknowledged > 0);
        let first_ms = first.context("nothing was stored")?.at_ms - self.started_ms;
        Ok(Duration::from_millis(u64::try_from(first_ms)?))
    }

    /// Returns how many links were stored between two moments.
    pub(crate) fn stored_between(&self, begin_ms: i64, end_ms: i64) -> Result<u64> {
        let reports = self.reports()?;
        Ok(stored_at(&reports, end_ms)?.saturating_sub(stored_at(&reports, begin_ms)?))
    }

    /// Returns how many links were stored in this time from the first one on.
    pub(crate) fn stored_in_first(&self, time: Duration) -> Result<u64> {
        let reports = self.reports()?;
        let first = reports.iter().find(|report| report.acknowledged > 0);
        let first_ms = first.context("nothing was stored")?.at_ms;
        stored_at(&reports, first_ms + i64::try_from(time.as_millis())?)
    }

    /// Returns how many links it has stored.
    pub(crate) fn stored(&self) -> Result<u64> {
        Ok(self.reports()?.last().map_or(0, |report| report.acknowledged))
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.process.kill().map(drop)
    }

    /// The last line may not be complete yet.
    fn reports(&self) -> Result<Vec<Report>> {
        reports_of(&self.process.stdout()?)
    }
}

fn reports_of(lines: &str) -> Result<Vec<Report>> {
    let complete = lines.rsplit_once('\n').map_or("", |(complete, _)| complete);
    // Lines of the log are between them.
    let reports = complete.lines().filter(|line| line.starts_with('{'));
    reports.map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Returns how many were stored by then, between the reports before and after it.
fn stored_at(reports: &[Report], at_ms: i64) -> Result<u64> {
    let after = reports.iter().position(|report| report.at_ms >= at_ms);
    let after = after.context("no report is that late")?;
    ensure!(after > 0, "no report is that early");
    let (before, after) = (reports[after - 1], reports[after]);
    let part = (at_ms - before.at_ms) as f64 / (after.at_ms - before.at_ms).max(1) as f64;
    let between = (after.acknowledged - before.acknowledged) as f64 * part;
    Ok(before.acknowledged + between.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_complete_is_no_report() {
        // As a replica of linkrelay writes it, and as load-tests/peers/Peer.java does.
        let ours = serde_json::to_string(&Report { at_ms: 100, acknowledged: 7 }).unwrap();
        assert_eq!(ours, r#"{"at_ms":100,"acknowledged":7}"#);
        let reports = reports_of(&format!("{ours}\nWARN lost\n{ours}\n{{\"at_ms\":15")).unwrap();
        assert_eq!(reports, [Report { at_ms: 100, acknowledged: 7 }; 2]);
        assert!(reports_of("").unwrap().is_empty() && reports_of("{\"at_ms\":1}\n").is_err());
    }

    #[test]
    fn what_is_stored_between_two_reports_is_estimated() {
        let report = |at_ms, acknowledged| Report { at_ms, acknowledged };
        let reports = [report(100, 0), report(150, 50), report(200, 150)];
        assert_eq!(stored_at(&reports, 125).unwrap(), 25);
        assert_eq!(stored_at(&reports, 200).unwrap(), 150);
        assert!(stored_at(&reports, 100).is_err() && stored_at(&reports, 201).is_err());
    }
}
