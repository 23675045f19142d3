//! `linkrelay backup` and `linkrelay restore`: the SQLite file of `linkrelay up` as one other file,
//! and back.

pub(crate) mod backup;
pub(crate) mod restore;

use std::path::{Path, PathBuf};

use clap::Args;
use linkrelay_common::SettingsError;
use linkrelay_store::settings::sqlite_path;
use linkrelay_store::sqlite::CopyStep;

use crate::progress::Progress;

const MIB: u64 = 1024 * 1024;

/// The folder of `linkrelay up`.
#[derive(Debug, Args)]
struct DataDir {
    /// Directory of the SQLite file of `linkrelay up`
    #[arg(long, env = "DATA_DIR", default_value = "./linkrelay-data", value_name = "DIR")]
    data_dir: PathBuf,
}

impl DataDir {
    fn store(&self) -> PathBuf {
        sqlite_path(&self.data_dir)
    }
}

/// Refuses what is a stream elsewhere: SQLite reads and writes its files anywhere in them.
fn check_is_a_file(file: &Path) -> Result<(), SettingsError> {
    if file.as_os_str() == "-" {
        let problem = "must be the name of a file: SQLite can neither read nor write a pipe";
        return Err(SettingsError::new("FILE", problem));
    }
    Ok(())
}

/// Shows how much is copied.
struct CopyProgress(Option<Progress>);

impl CopyProgress {
    fn show(&mut self, step: CopyStep) {
        match step {
            CopyStep::Copied { bytes, total_bytes } => {
                let total = total_bytes.div_ceil(MIB);
                let progress = self.0.get_or_insert_with(|| Progress::new("copied MiB", total));
                progress.set(bytes.div_ceil(MIB));
            }
            CopyStep::Checking => {
                self.finish();
                eprintln!("checking the copy");
            }
        }
    }

    fn finish(&mut self) {
        if let Some(progress) = self.0.take() {
            progress.finish();
        }
    }
}
