//! How many dead letters a replay published, and how many it skipped and why.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Counts of dead letters. Each one that passed the filter is in exactly one count.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Tally {
    /// It was published again, or would be.
    pub replayed: u64,
    /// There is a newer one of the same document.
    pub older: u64,
    /// The document is stored.
    pub stored: u64,
    /// There is no document in the store.
    pub missing: u64,
    /// An earlier replay of it is not complete.
    pub in_flight: u64,
    /// It was replayed as often as is allowed.
    pub worn_out: u64,
    /// Its value is truncated.
    pub truncated: u64,
    /// It cannot be read, and the filter does not name that class.
    pub malformed: u64,
    /// It is a record of another program.
    pub strange: u64,
    /// Its document has another code than the filter asks for.
    pub other_code: u64,
    /// The broker refused it.
    pub refused: u64,
}

impl Tally {
    /// Returns how many of the newest dead letters are decided.
    pub fn done(&self) -> u64 {
        let looked_at = self.stored + self.missing + self.in_flight + self.worn_out;
        self.replayed + looked_at + self.truncated + self.other_code + self.refused
    }

    /// Returns all counts as one line; `verb` is what was done, or would be.
    pub fn line(&self, verb: &str) -> String {
        format!("{verb} {}{}", self.replayed, Skipped(self))
    }
}

/// The part of the line after the replayed ones.
struct Skipped<'a>(&'a Tally);

impl fmt::Display for Skipped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { older, stored, missing, in_flight, worn_out, truncated, .. } = *self.0;
        let Tally { malformed, strange, refused, .. } = *self.0;
        let reasons = [
            (stored, "stored already"),
            (older, "older than another of the same document"),
            (missing, "without a document in this store (--no-store-check replays them)"),
            (in_flight, "still under way"),
            (worn_out, "replayed too often (--max-replays)"),
            (truncated, "cut, only their first part is left"),
            (malformed, "malformed (--class malformed replays them)"),
            (strange, "without linkrelay's headers"),
        ];
        let skipped: u64 = reasons.iter().map(|(count, _)| count).sum();
        let reasons: Vec<String> = reasons
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{count} {why}"))
            .collect();
        write!(f, ", skipped {skipped}")?;
        if !reasons.is_empty() {
            write!(f, ": {}", reasons.join(", "))?;
        }
        if refused > 0 {
            write!(f, "; {refused} could not be published")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reasons_that_occurred_are_named() {
        let tally = Tally { replayed: 5, ..Tally::default() };
        assert_eq!(tally.line("replayed"), "replayed 5, skipped 0");
        let tally = Tally { replayed: 5, older: 2, stored: 1, refused: 3, ..Tally::default() };
        assert_eq!(
            tally.line("replayed"),
            "replayed 5, skipped 3: 1 stored already, 2 older than another of the same document; 3 could not be published"
        );
        assert_eq!(tally.done(), 9);
    }
}
