//! The grams of texts and of searches, as the full-text index takes them.

use crate::search::{Folded, SearchText, grams};

/// Returns the grams of a text as the index takes them.
pub(super) fn tokens(text: &Folded) -> String {
    let mut tokens = String::new();
    for gram in grams(text) {
        gram.push_to(&mut tokens);
        tokens.push(' ');
    }
    tokens
}

/// Returns the expression that selects what has all grams.
pub(super) fn expression(text: &SearchText) -> String {
    let quoted = text.grams().into_iter().map(|gram| {
        let mut token = String::new();
        gram.push_to(&mut token);
        format!("\"{}\"", token.replace('"', "\"\""))
    });
    quoted.collect::<Vec<_>>().join(" AND ")
}
