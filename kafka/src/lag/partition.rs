//! What the figures of one partition mean.

use rdkafka::error::RDKafkaErrorCode;
use serde::Serialize;

/// An offset, or why the broker did not say it; -1 is a commit that there is not.
pub(super) type Asked = Result<i64, RDKafkaErrorCode>;

/// One partition of a topic that a group reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PartitionLag {
    /// Its number.
    pub partition: i32,
    /// The next offset that the group has not completed; `None` without a commit, or if it is not
    /// known.
    pub committed: Option<i64>,
    /// The offset after its last record.
    pub end: Option<i64>,
    /// How many offsets the group has to read.
    pub lag: Option<i64>,
    /// The member of the group that has it, as the broker names it.
    pub owner: Option<String>,
    /// Why something of it is not known.
    pub error: Option<String>,
}

/// Returns what is known of a partition. The lag is counted from where a consumer would begin: a
/// commit that the log no longer has counts as the start of the log, and so does none, unless
/// `without_commit` says otherwise.
pub(super) fn figures(
    partition: i32,
    committed: Asked,
    start: Asked,
    end: Asked,
    without_commit: rdkafka::Offset,
    owner: Option<String>,
) -> PartitionLag {
    let first = match (committed, start, end) {
        (Ok(commit), Ok(start), Ok(end)) if commit >= 0 => {
            // Beyond the end, the log was truncated or its topic created again.
            Some(if (start..=end).contains(&commit) { commit } else { start })
        }
        (Ok(commit), _, Ok(_)) if commit >= 0 => Some(commit),
        (Ok(_), Ok(start), Ok(end)) => match without_commit {
            rdkafka::Offset::Beginning => Some(start),
            rdkafka::Offset::End => Some(end),
            _ => None,
        },
        _ => None,
    };
    let lag = first.zip(end.ok()).map(|(first, end)| (end - first).max(0));
    let error = [("its commit", committed), ("its log", end)]
        .into_iter()
        .find_map(|(what, asked)| asked.err().map(|code| format!("{what} is not known: {code}")));
    let committed = committed.ok().filter(|commit| *commit >= 0);
    PartitionLag { partition, committed, end: end.ok(), lag, owner, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_begins_where_a_consumer_would() {
        use rdkafka::Offset::{Beginning, End, Stored};
        let down = Err(RDKafkaErrorCode::RequestTimedOut);
        for (committed, start, end, without_commit, lag, is_wrong) in [
            (Ok(15), Ok(10), Ok(20), Beginning, Some(5), false),
            (Ok(20), Ok(10), Ok(20), Beginning, Some(0), false),
            (Ok(0), Ok(0), Ok(0), Beginning, Some(0), false),
            // The log no longer has the commit: before its start, and beyond its end.
            (Ok(4), Ok(10), Ok(20), Beginning, Some(10), false),
            (Ok(40), Ok(10), Ok(20), Beginning, Some(10), false),
            (Ok(-1), Ok(10), Ok(20), Beginning, Some(10), false),
            (Ok(-1), Ok(10), Ok(20), End, Some(0), false),
            (Ok(-1), Ok(10), Ok(20), Stored, None, false),
            (Ok(15), down, Ok(20), Beginning, Some(5), false),
            (Ok(-1), down, Ok(20), Beginning, None, false),
            (down, Ok(10), Ok(20), Beginning, None, true),
            (Ok(15), Ok(10), down, Beginning, None, true),
            (down, down, down, Beginning, None, true),
        ] {
            let known = figures(3, committed, start, end, without_commit, None);
            let case = format!("{committed:?} {start:?} {end:?} {without_commit:?}");
            assert_eq!((known.lag, known.error.is_some()), (lag, is_wrong), "{case}: {known:?}");
            assert_eq!(known.end, end.ok(), "{case}");
            assert_eq!(known.committed, committed.ok().filter(|commit| *commit >= 0), "{case}");
        }
    }
}
