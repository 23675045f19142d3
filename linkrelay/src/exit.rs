//! The exit code: 0 if done, 1 if failed, 2 for a wrong setting or usage. Only this module prints
//! the error of a command.

use std::io;
use std::process::ExitCode;

use linkrelay_common::SettingsError;
use linkrelay_consumer::ConsumerError;
use linkrelay_embedded::{EmbeddedError, MigrationError};
use linkrelay_producer::StartError;
use linkrelay_producer::dlq::DlqError;

/// The result of a command without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The command did all that was asked for.
    Done,
    /// The command did its work, but some links failed, which it has named.
    SomeFailed,
}

pub(crate) fn code(ended: anyhow::Result<Outcome>) -> ExitCode {
    match ended {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed) => ExitCode::from(1),
        // The program that read the output has closed it (`linkrelay status … | head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("linkrelay: {}", one_line(&error));
            ExitCode::from(if is_wrong_setting(&error) { 2 } else { 1 })
        }
    }
}

/// Returns the error and its causes; a cause that is already in the text is not repeated.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    // A connection to a server may break in the same way.
    if error.chain().any(|cause| cause.is::<reqwest::Error>()) {
        return false;
    }
    let causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.into_iter().any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

fn is_wrong_setting(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<SettingsError>()
            || matches!(cause.downcast_ref(), Some(ConsumerError::Settings(_)))
            || matches!(cause.downcast_ref(), Some(EmbeddedError::Settings(_)))
            || matches!(cause.downcast_ref(), Some(MigrationError::Settings(_)))
            || matches!(cause.downcast_ref(), Some(DlqError::Settings(_)))
            || matches!(cause.downcast_ref(), Some(StartError::Settings(_)))
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_wrong_setting_has_another_code_than_a_failure() {
        let setting = || SettingsError::new("KAFKA_BROKERS", "is wrong");
        assert!(is_wrong_setting(&anyhow::Error::from(ConsumerError::Settings(setting()))));
        assert!(is_wrong_setting(&anyhow::Error::from(EmbeddedError::Settings(setting()))));
        assert!(is_wrong_setting(&anyhow::Error::from(MigrationError::Settings(setting()))));
        assert!(is_wrong_setting(&anyhow::Error::from(DlqError::Settings(setting()))));
        assert!(is_wrong_setting(&Err::<(), _>(setting()).context("starting").unwrap_err()));
        assert!(!is_wrong_setting(&anyhow::anyhow!("something else")));
    }

    #[test]
    fn an_error_is_one_line_without_repetition() {
        let error = Err::<(), _>(ConsumerError::Settings(SettingsError::new("A", "b")))
            .context("c")
            .unwrap_err();
        assert_eq!(one_line(&error), "c: A: b");
    }
}
