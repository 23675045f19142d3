//! The settings of the strategy rusty_ytdl, in builds that have it.

use std::sync::Arc;

use linkrelay_common::SettingsError;

use super::ExtractorSettings;
use super::build::MakeStrategy;
use crate::strategies::{PageReaders, RustyYtdl};

const CPU_THREADS: &str = "EXTRACTOR_CPU_THREADS";
const MAX_CPU_THREADS: usize = 64;

impl ExtractorSettings {
    /// Starts the threads that read pages, which the strategies of all clients share.
    pub(super) fn rusty_ytdl(&self) -> Result<MakeStrategy, SettingsError> {
        let threads = self.extractor_cpu_threads;
        if !(1..=MAX_CPU_THREADS).contains(&threads) {
            let problem = format!("must be from 1 to {MAX_CPU_THREADS}");
            return Err(SettingsError::new(CPU_THREADS, problem));
        }
        let timeout = self.extractor_timeout;
        let readers = PageReaders::start(threads, timeout);
        Ok(Box::new(move |client| Arc::new(RustyYtdl::new(client, readers.clone(), timeout))))
    }
}
