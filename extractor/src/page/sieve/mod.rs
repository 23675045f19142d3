//! Keeps of a page only what the readers look at, while its pieces arrive: a page of a megabyte
//! becomes some tens of kilobytes, which matters where 64 are read at the same time.
//!
//! What is left is read by the same [`read`](super::read), with the same result as the whole page.
//! A reader looks for names ([`names`]) and, behind some of them, parses the JSON value that
//! follows. So each name stays, with the bytes up to the end of that value ([`value`]), also where
//! one is within another. Everything else becomes one byte that no reader accepts.

mod names;
#[cfg(test)]
mod tests;
mod value;

use self::names::Name;
use self::value::ValueEnd;

/// Stands for what was dropped: it is part of no name, and of no JSON outside of a text.
const GAP: u8 = 0;
/// How much is looked at in one step, before anything can be dropped. The pieces of a fast answer
/// have up to 400 kB each.
const LOOK_BYTES: usize = 16 * 1024;
/// By how much the text that does not fit grows at least. A vector's own doubling could give it
/// twice the room that it needs, in each of the pages that are read at the same time.
const STEP_BYTES: usize = 32 * 1024;

/// A page of which only the parts that matter are kept.
#[derive(Debug, Default)]
pub(crate) struct Sieve {
    /// What is kept, followed by what has not been looked at.
    text: Vec<u8>,
    /// The length of what is kept.
    kept: usize,
    /// Where the next name is looked for; never before `kept`, except within a value.
    search_from: usize,
    /// The value that is being read, and how far it has been looked at.
    open: Option<(ValueEnd, usize)>,
    has_begun: bool,
}

impl Sieve {
    /// Takes the next piece of the page.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        piece.chunks(LOOK_BYTES).for_each(|part| self.look_at(part));
    }

    fn look_at(&mut self, piece: &[u8]) {
        if self.text.capacity() - self.text.len() < piece.len() {
            self.text.reserve_exact(piece.len().max(STEP_BYTES));
        }
        self.text.extend_from_slice(piece);
        if !self.begin() {
            return;
        }
        while self.finish_value() && self.find_name() {}
    }

    /// Returns what is left of the page.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.text
    }

    /// A body that begins with an object is one value. Returns false while nothing but spaces came.
    fn begin(&mut self) -> bool {
        if !self.has_begun {
            let Some(first) = self.text.iter().position(|byte| !byte.is_ascii_whitespace()) else {
                return false;
            };
            self.has_begun = true;
            self.open = (self.text[first] == b'{').then(|| (ValueEnd::of_value(), first));
        }
        true
    }

    /// Reads the open value on. Returns false if its end has not come yet.
    fn finish_value(&mut self) -> bool {
        let Some((mut value, from)) = self.open.take() else { return true };
        if let Some(length) = value.find(&self.text[from..]) {
            self.kept = self.kept.max(from + length);
            return true;
        }
        // A value that is read again, because it is within another, keeps what that one has kept.
        self.kept = self.text.len();
        self.open = Some((value, self.text.len()));
        false
    }

    /// Drops what comes before the next name, and opens the value behind it. Returns false if no
    /// name is left.
    fn find_name(&mut self) -> bool {
        let Some((name, mut start)) = names::find(&self.text, self.search_from) else {
            // The beginning of a name may be at the end.
            let end = self.text.len().saturating_sub(names::LONGEST - 1).max(self.search_from);
            self.search_from = self.drop_until(end);
            return false;
        };
        start = self.drop_until(start);
        let end = start + name.text.len();
        self.kept = self.kept.max(end);
        // Within this name or its value, another may begin.
        self.search_from = start + 1;
        self.open = name.value().map(|value| (value, end));
        true
    }

    /// Replaces what is not kept before `end` by a gap. Returns where `end` is then.
    fn drop_until(&mut self, end: usize) -> usize {
        if end <= self.kept {
            return end;
        }
        if self.kept > 0 && self.text[self.kept - 1] == GAP {
            self.text.drain(self.kept..end);
        } else {
            self.text[self.kept] = GAP;
            self.kept += 1;
            self.text.drain(self.kept..end);
        }
        self.kept
    }
}

/// Names found in `text` are in the order of their beginnings.
impl Name {
    fn value(&self) -> Option<ValueEnd> {
        match self.kind {
            names::Kind::Key => Some(ValueEnd::of_value()),
            names::Kind::Variable => Some(ValueEnd::of_assignment()),
            names::Kind::Sign => None,
        }
    }
}
