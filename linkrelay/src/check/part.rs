//! One part that is asked, and what came of it.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

/// How long a part may take to answer, unless it has a deadline of its own.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// What a part says of itself if all is well; otherwise what is wrong, and what to do.
pub(super) type Answer = Result<String, Failure>;

/// Why a part does not work, or works and should not be left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) problem: String,
    pub(super) remedy: String,
    /// Whether the part works all the same.
    pub(super) is_warning: bool,
}

/// A part, and the question to it.
pub(super) struct Part {
    name: String,
    deadline: Duration,
    /// `None` if there is nothing to say after all.
    question: BoxFuture<'static, Option<Answer>>,
    remedy: &'static str,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) part: String,
    pub(super) answer: Answer,
}

impl Failure {
    pub(super) fn new(problem: impl ToString, remedy: impl ToString) -> Self {
        Self { problem: problem.to_string(), remedy: remedy.to_string(), is_warning: false }
    }

    pub(super) fn warning(problem: impl ToString, remedy: impl ToString) -> Self {
        Self { is_warning: true, ..Self::new(problem, remedy) }
    }
}

impl Report {
    /// Whether the part can be used.
    pub(super) fn works(&self) -> bool {
        self.answer.as_ref().err().is_none_or(|failure| failure.is_warning)
    }
}

impl Part {
    /// Asks within [`DEADLINE`]; `remedy` is for no answer at all.
    pub(super) fn new(
        name: impl ToString,
        remedy: &'static str,
        question: impl Future<Output = Answer> + Send + 'static,
    ) -> Self {
        Self::that_may_have_nothing_to_say(name, remedy, question.map(Some))
    }

    /// Like [`Part::new`], for a part that may turn out not to be there, which is no failure.
    pub(super) fn that_may_have_nothing_to_say(
        name: impl ToString,
        remedy: &'static str,
        question: impl Future<Output = Option<Answer>> + Send + 'static,
    ) -> Self {
        Self { name: name.to_string(), deadline: DEADLINE, question: question.boxed(), remedy }
    }

    /// A part that is known to be there.
    pub(super) fn fine(name: impl ToString, detail: impl ToString) -> Self {
        let detail = detail.to_string();
        Self::new(name, "", async { Ok(detail) })
    }

    /// A part whose settings cannot work.
    pub(super) fn wrong(name: impl ToString, failure: Failure) -> Self {
        Self::new(name, "", async { Err(failure) })
    }

    pub(super) fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// A question that blocks its thread, which has a deadline of its own.
    pub(super) fn blocking(
        name: impl ToString,
        remedy: &'static str,
        question: impl FnOnce() -> Answer + Send + 'static,
    ) -> Self {
        Self::new(name, remedy, async move {
            tokio::task::spawn_blocking(question)
                .await
                .unwrap_or_else(|error| Err(Failure::new(error, remedy)))
        })
    }

    pub(super) async fn ask(self) -> Option<Report> {
        let Self { name, deadline, question, remedy } = self;
        let answer = tokio::time::timeout(deadline, question).await.unwrap_or_else(|_| {
            Some(Err(Failure::new(format!("no answer within {deadline:?}"), remedy)))
        });
        Some(Report { part: name, answer: answer? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_does_not_answer_in_time_has_failed() {
        let part = Part::new("silence", "shout", std::future::pending::<Answer>());
        let report = part.within(Duration::from_millis(1)).ask().await.unwrap();
        assert_eq!(report.answer, Err(Failure::new("no answer within 1ms", "shout")));
    }

    #[tokio::test]
    async fn who_is_not_there_is_not_spoken_of() {
        let part = Part::that_may_have_nothing_to_say("nobody", "", async { None });
        assert_eq!(part.ask().await, None);
    }
}
