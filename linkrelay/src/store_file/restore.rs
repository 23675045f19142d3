//! `linkrelay restore`: puts a backup into the folder of `linkrelay up`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use linkrelay_common::{SettingsError, shutdown};
use linkrelay_store::sqlite::{StoreFileError, restore};

use super::{CopyProgress, DataDir, check_is_a_file};
use crate::exit::Outcome;

/// From where, and to which store.
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The file that `linkrelay backup` has written
    file: PathBuf,

    /// Replace a store that is in the folder; it is kept beside the new one
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    data_dir: DataDir,
}

pub(crate) async fn run(arguments: RestoreArguments) -> anyhow::Result<Outcome> {
    let RestoreArguments { file, force, data_dir } = arguments;
    check_is_a_file(&file)?;
    let stop = shutdown::on_signal().context("signals cannot be received")?;
    let store = data_dir.store();
    let target = store.clone();
    let copying = tokio::task::spawn_blocking(move || {
        let mut progress = CopyProgress(None);
        let restored = restore(&file, &target, force, &stop, &mut |step| progress.show(step));
        progress.finish();
        restored
    });
    match copying.await.context("copying")? {
        Ok(restored) => {
            let mut out = std::io::stdout();
            writeln!(out, "{}: restored", store.display())?;
            if let Some(kept) = restored.kept {
                writeln!(out, "the store that was there is {}", kept.display())?;
            }
            Ok(Outcome::Done)
        }
        Err(StoreFileError::Stopped) => {
            eprintln!("interrupted; nothing is changed");
            Ok(Outcome::SomeFailed)
        }
        Err(error) => Err(explained(error)),
    }
}

/// Names the setting that an error is about.
fn explained(error: StoreFileError) -> anyhow::Error {
    let (setting, advice) = match &error {
        StoreFileError::Missing(_) | StoreFileError::NoTarget { .. } => ("FILE", ""),
        StoreFileError::Exists(_) => {
            ("DATA_DIR", "; --force replaces it, and keeps it under another name")
        }
        _ => return error.into(),
    };
    SettingsError::new(setting, format!("{error}{advice}")).into()
}
