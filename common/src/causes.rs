//! An error with its causes, in one line for a log or an answer.

use std::error::Error;

/// Returns an error and all of its causes. Some libraries show no cause themselves: reqwest alone
/// says only "error sending request".
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Link(&'static str, #[source] Option<Box<Link>>);

    #[test]
    fn each_cause_is_said_once_and_the_first_error_first() {
        let alone = Link("no route", None);
        assert_eq!(with_causes(&alone), "no route");
        let outer = Link("sending", Some(Box::new(Link("connecting", Some(Box::new(alone))))));
        assert_eq!(with_causes(&outer), "sending: connecting: no route");
    }
}
