//! The error of a wrong setting: one line that names the variable.

/// A setting that cannot work; the process ends with it before it begins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct SettingsError {
    /// The variable's name, as in the environment.
    pub setting: &'static str,
    /// What is wrong with its value, in words; never the value of a secret.
    pub problem: String,
}

impl SettingsError {
    /// Names the setting and what is wrong with it.
    pub fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, problem: problem.into() }
    }
}
