//! How far a load is: a bar on a terminal, otherwise a plain line every two seconds. On stderr.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use super::documents::Documents;
use super::link_path::LinkPath;
use super::request::Progress;

const BAR_INTERVAL: Duration = Duration::from_millis(500);
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// Shows the load on one path.
#[derive(Debug)]
pub struct Display {
    /// Which path.
    pub path: LinkPath,
    /// How far the load is.
    pub progress: Arc<Progress>,
    bar: ProgressBar,
}

impl Display {
    /// Returns a display of this number of requests.
    pub fn new(path: LinkPath, total: usize) -> Self {
        let bar = ProgressBar::new(total as u64);
        let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar}\n{wide_msg}");
        // The template is a constant.
        let bar = if let Ok(style) = style { bar.with_style(style) } else { bar };
        Self { path, progress: Arc::default(), bar }
    }

    /// Shows how far the load is until `work` is done.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn beside<T>(
        &self,
        documents: &Documents,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::select! {
            done = work => done,
            never = self.show_forever(documents) => match never {},
        }
    }

    /// Shows the end of the load.
    pub async fn finish(self, documents: &Documents) {
        self.bar.finish_and_clear();
        eprintln!("{}", self.line(documents).await);
    }

    async fn show_forever(&self, documents: &Documents) -> Infallible {
        let has_bar = !self.bar.is_hidden();
        let mut interval =
            tokio::time::interval(if has_bar { BAR_INTERVAL } else { LINE_INTERVAL });
        let mut last = String::new();
        loop {
            interval.tick().await;
            let line = self.line(documents).await;
            if has_bar {
                let [answered, _, unanswered] = self.progress.counts();
                self.bar.set_position((answered + unanswered) as u64);
                self.bar.set_message(line);
            } else if line != last {
                eprintln!("{line}");
                last = line;
            }
        }
    }

    async fn line(&self, documents: &Documents) -> String {
        let [answered, created, unanswered] = self.progress.counts();
        let total = self.bar.length().unwrap_or_default();
        // Only for the display: a count that is not available is shown as 0.
        let stored = documents.count().await.unwrap_or_default();
        format!(
            "{}: {answered} of {total} answered, {created} of them 201 or 207, {unanswered} without an answer; {stored} documents",
            self.path,
        )
    }
}
