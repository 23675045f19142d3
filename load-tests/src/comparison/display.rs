//! How far a load is: a bar on a terminal, a plain line now and then otherwise. On stderr.

use std::convert::Infallible;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use super::request::Progress;
use super::site::Relay;
use super::way::Way;

const BAR_INTERVAL: Duration = Duration::from_millis(500);
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// Shows one way's load.
#[derive(Debug)]
pub struct Display {
    way: Way,
    total: usize,
    progress: Arc<Progress>,
    bar: Option<ProgressBar>,
    /// What was shown last.
    last: String,
}

impl Display {
    /// Of so many requests.
    pub fn new(way: Way, total: usize, progress: Arc<Progress>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total as u64);
            let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar}\n{wide_msg}");
            // The template is a constant of ours.
            if let Ok(style) = style { bar.with_style(style) } else { bar }
        });
        Self { way, total, progress, bar, last: String::new() }
    }

    /// Shows how things stand until `work` is done.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn beside<T>(
        &mut self,
        relay: &Relay,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::select! {
            done = work => done,
            never = self.show_for_ever(relay) => match never {},
        }
    }

    /// Shows how it ended.
    pub async fn finish(mut self, relay: &Relay) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            self.last.clear();
        }
        let line = self.line(relay).await;
        self.show(line);
    }

    async fn show_for_ever(&mut self, relay: &Relay) -> Infallible {
        let mut interval = tokio::time::interval(self.interval());
        loop {
            interval.tick().await;
            let line = self.line(relay).await;
            self.show(line);
        }
    }

    fn show(&mut self, line: String) {
        if line == self.last {
            return;
        }
        match &self.bar {
            Some(bar) => {
                let [answered, _, unanswered] = self.progress.counts();
                bar.set_position((answered + unanswered) as u64);
                bar.set_message(line.clone());
            }
            None => eprintln!("{line}"),
        }
        self.last = line;
    }

    async fn line(&self, relay: &Relay) -> String {
        let [answered, created, unanswered] = self.progress.counts();
        format!(
            "{}: {answered} of {} answered, {created} of them 201 or 207, {unanswered} given up; {} links done",
            self.way,
            self.total,
            relay.links_done().await
        )
    }

    fn interval(&self) -> Duration {
        if self.bar.is_some() { BAR_INTERVAL } else { LINE_INTERVAL }
    }
}
