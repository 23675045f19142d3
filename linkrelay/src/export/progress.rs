//! How many rows came, on stderr: a bar on a terminal, otherwise a line now and then.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a plain line is written.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// The progress of rows whose number is not known.
pub(super) struct RowProgress {
    bar: Option<ProgressBar>,
    begun: Instant,
    last_line: Instant,
}

impl RowProgress {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = "{spinner} {human_pos} rows, {per_sec}, {elapsed_precise}";
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(200));
            // The template is a constant.
            match ProgressStyle::with_template(style) {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        Self { bar, begun: Instant::now(), last_line: Instant::now() }
    }

    /// Shows how many rows there are.
    pub(super) fn set(&mut self, rows: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(rows),
            None if self.last_line.elapsed() >= LINE_INTERVAL => {
                self.last_line = Instant::now();
                let rate = rows as f64 / self.begun.elapsed().as_secs_f64();
                eprintln!("exported: {rows} rows, {rate:.0} a second");
            }
            None => {}
        }
    }

    /// Writes a line without disturbing the bar.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
