//! One probe of a configured part, and its report.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

/// How long a part may take to answer if its probe has no other deadline.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// A detail of the part that works, or its failure.
pub(super) type ProbeResult = Result<String, Finding>;

/// Why a part does not work, or why its settings should be changed although it works, and the fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) problem: String,
    pub(super) fix: String,
    /// Whether the part works nevertheless.
    pub(super) is_warning: bool,
}

/// A request to a part, which has not begun.
pub(super) struct Probe {
    name: String,
    deadline: Duration,
    /// `None` if there is nothing to report.
    request: BoxFuture<'static, Option<ProbeResult>>,
    fix: &'static str,
}

/// One line of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) part: String,
    pub(super) answer: ProbeResult,
}

impl Finding {
    pub(super) fn new(problem: impl ToString, fix: impl ToString) -> Self {
        Self { problem: problem.to_string(), fix: fix.to_string(), is_warning: false }
    }

    pub(super) fn warning(problem: impl ToString, fix: impl ToString) -> Self {
        Self { is_warning: true, ..Self::new(problem, fix) }
    }
}

impl Report {
    /// Whether the part can be used.
    pub(super) fn works(&self) -> bool {
        self.answer.as_ref().err().is_none_or(|failure| failure.is_warning)
    }
}

impl Probe {
    /// Returns a probe with the deadline [`DEADLINE`]; `fix` is for a part that does not answer.
    pub(super) fn new(
        name: impl ToString,
        fix: &'static str,
        request: impl Future<Output = ProbeResult> + Send + 'static,
    ) -> Self {
        Self::optional(name, fix, request.map(Some))
    }

    /// Returns a probe of a part that may be absent, which is not a failure.
    pub(super) fn optional(
        name: impl ToString,
        fix: &'static str,
        request: impl Future<Output = Option<ProbeResult>> + Send + 'static,
    ) -> Self {
        Self { name: name.to_string(), deadline: DEADLINE, request: request.boxed(), fix }
    }

    /// Returns a probe of a part that is known to work.
    pub(super) fn fine(name: impl ToString, detail: impl ToString) -> Self {
        let detail = detail.to_string();
        Self::new(name, "", async { Ok(detail) })
    }

    /// Returns a probe of a part whose settings are wrong.
    pub(super) fn wrong(name: impl ToString, failure: Finding) -> Self {
        Self::new(name, "", async { Err(failure) })
    }

    pub(super) fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Returns a probe that blocks its thread; it must have a deadline itself.
    pub(super) fn blocking(
        name: impl ToString,
        fix: &'static str,
        request: impl FnOnce() -> ProbeResult + Send + 'static,
    ) -> Self {
        Self::new(name, fix, async move {
            tokio::task::spawn_blocking(request)
                .await
                .unwrap_or_else(|error| Err(Finding::new(error, fix)))
        })
    }

    pub(super) async fn ask(self) -> Option<Report> {
        let Self { name, deadline, request, fix } = self;
        let answer = tokio::time::timeout(deadline, request).await.unwrap_or_else(|_| {
            Some(Err(Finding::new(format!("no answer within {deadline:?}"), fix)))
        });
        Some(Report { part: name, answer: answer? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_does_not_answer_in_time_has_failed() {
        let part = Probe::new("silence", "shout", std::future::pending::<ProbeResult>());
        let report = part.within(Duration::from_millis(1)).ask().await.unwrap();
        assert_eq!(report.answer, Err(Finding::new("no answer within 1ms", "shout")));
    }

    #[tokio::test]
    async fn an_absent_part_is_not_reported() {
        let part = Probe::optional("absent", "", async { None });
        assert_eq!(part.ask().await, None);
    }
}
