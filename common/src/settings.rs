//! The error of a wrong setting: one line that names the variable.

/// A setting that cannot work. The process ends with this error before it begins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct SettingsError {
    /// The variable's name, as in the environment.
    pub setting: &'static str,
    /// Why its value cannot work. It never contains the value of a secret.
    pub problem: String,
}

impl SettingsError {
    /// Makes the error of a setting by name, and why its value cannot work.
    pub fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, problem: problem.into() }
    }
}
