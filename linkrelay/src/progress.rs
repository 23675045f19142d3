//! The progress of long work, on stderr: a bar on a terminal, otherwise a line now and then.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a plain line is written.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// Progress towards a known total, which may change.
pub(crate) struct Progress {
    what: &'static str,
    total: u64,
    done: u64,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl Progress {
    /// `what` names what happens to the counted items, as in "stored".
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(
                "{msg:>10} {wide_bar} {pos}/{len} {elapsed_precise} (left {eta})",
            );
            let bar = ProgressBar::new(total).with_message(what);
            bar.enable_steady_tick(Duration::from_millis(200));
            // The template is a constant.
            if let Ok(style) = style { bar.with_style(style) } else { bar }
        });
        Self { what, total, done: 0, bar, last_line: Instant::now() }
    }

    pub(crate) fn set(&mut self, done: u64) {
        self.done = done;
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None if self.last_line.elapsed() >= LINE_INTERVAL => {
                self.last_line = Instant::now();
                self.write_line();
            }
            None => {}
        }
    }

    pub(crate) fn set_total(&mut self, total: u64) {
        self.total = total;
        if let Some(bar) = &self.bar {
            bar.set_length(total);
        }
    }

    pub(crate) fn finish(self) {
        match &self.bar {
            Some(bar) => bar.finish_and_clear(),
            None => self.write_line(),
        }
    }

    fn write_line(&self) {
        eprintln!("{}: {} of {}", self.what, self.done, self.total);
    }
}
