//! How a search compares texts: parts of words in any script, without regard to case and accents.
//!
//! In reading order: [`fold`] makes equal what a reader takes for the same; [`mod@grams`] are what an
//! index keeps of a folded text; [`query`] is what a client searches for. Many scripts have no
//! spaces between words, so an index keeps pairs of characters and no words. The pairs only say
//! which texts may match: a store compares the text itself, with [`SearchText::matches`].
//!
//! It must not know: any database, or what the texts are of.

pub mod fold;
pub mod grams;
pub mod query;

pub use fold::Folded;
pub use grams::{Gram, grams};
pub use query::{SearchText, SearchTextError};
