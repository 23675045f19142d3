//! The progress of long work, on stderr: a bar on a terminal, otherwise a line now and then.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a plain line is written.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// Progress towards a total, which may change, or be unknown.
pub(crate) struct Progress {
    what: &'static str,
    total: Option<u64>,
    done: u64,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl Progress {
    /// `what` names what happens to the counted items, as in "stored".
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        const BAR: &str = "{msg:>10} {wide_bar} {pos}/{len} {elapsed_precise} (left {eta})";
        Self::shown(what, Some(total), ProgressBar::new(total), BAR)
    }

    /// Like [`new`](Self::new), if nothing says how many items there are.
    pub(crate) fn of_unknown_total(what: &'static str) -> Self {
        const COUNTER: &str = "{msg:>10} {spinner} {pos} {elapsed_precise} ({per_sec})";
        Self::shown(what, None, ProgressBar::no_length(), COUNTER)
    }

    fn shown(what: &'static str, total: Option<u64>, bar: ProgressBar, template: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(template);
            let bar = bar.with_message(what);
            bar.enable_steady_tick(Duration::from_millis(200));
            // The templates are constants.
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
        self.total = Some(total);
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
        match self.total {
            Some(total) => eprintln!("{}: {} of {total}", self.what, self.done),
            None => eprintln!("{}: {}", self.what, self.done),
        }
    }
}
