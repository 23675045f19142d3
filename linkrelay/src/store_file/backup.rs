//! `linkrelay backup`: copies the SQLite file while `linkrelay up` writes it.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use linkrelay_common::{SettingsError, shutdown};
use linkrelay_store::sqlite::{StoreFileError, backup};

use super::{CopyProgress, DataDir, MIB, check_is_a_file};
use crate::exit::Outcome;

/// Where to, and which store.
#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    /// The file to write; while it is incomplete it has the ending .part
    file: PathBuf,

    /// Replace the file if it exists
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    data_dir: DataDir,
}

pub(crate) async fn run(arguments: BackupArguments) -> anyhow::Result<Outcome> {
    let BackupArguments { file, force, data_dir } = arguments;
    check_is_a_file(&file)?;
    let stop = shutdown::on_signal().context("signals cannot be received")?;
    let (store, target) = (data_dir.store(), file.clone());
    let copying = tokio::task::spawn_blocking(move || {
        let mut progress = CopyProgress(None);
        let copied = backup(&store, &target, force, &stop, &mut |step| progress.show(step));
        progress.finish();
        copied
    });
    match copying.await.context("copying")? {
        Ok(bytes) => {
            let size = bytes.div_ceil(MIB);
            writeln!(std::io::stdout(), "{}: {size} MiB, checked", file.display())?;
            Ok(Outcome::Done)
        }
        Err(StoreFileError::Stopped) => {
            eprintln!("interrupted; {} is not written", file.display());
            Ok(Outcome::SomeFailed)
        }
        Err(error) => Err(explained(error)),
    }
}

/// Names the setting that an error is about.
fn explained(error: StoreFileError) -> anyhow::Error {
    let (setting, advice) = match &error {
        StoreFileError::Missing(_) => ("DATA_DIR", "; set it to the folder of `linkrelay up`"),
        StoreFileError::Exists(_) => ("FILE", "; --force replaces it"),
        StoreFileError::NoTarget { .. } => ("FILE", ""),
        _ => return error.into(),
    };
    SettingsError::new(setting, format!("{error}{advice}")).into()
}
