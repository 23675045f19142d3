//! The links of each request, in order, while they are read.

use std::iter::Peekable;
use std::thread;

use tokio::sync::mpsc;

use crate::links::Links;

/// Half of what a server accepts as one body.
const MAX_BYTES: usize = 512 * 1_024;
/// The batches that wait for a request.
const READ_AHEAD: usize = 2;

/// The links of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    /// Counted from 0.
    pub(super) number: usize,
    /// How many links the batches before it have.
    pub(super) links_before: u64,
    pub(super) links: Vec<String>,
}

/// Which batches there are depends only on the links and on how many a batch may have.
struct Batches<I: Iterator> {
    links: Peekable<I>,
    max_links: usize,
    next_number: usize,
    links_before: u64,
}

/// Reads the links on a thread, no further ahead than needed, and returns the batches. An error is
/// the last item. The thread is not waited for, because standard input may never end.
pub(super) fn read(
    links: Links,
    max_links: usize,
) -> std::io::Result<mpsc::Receiver<anyhow::Result<Batch>>> {
    let (sender, batches) = mpsc::channel(READ_AHEAD);
    let read = move || {
        for batch in Batches::new(links, max_links) {
            // The command has ended.
            if sender.blocking_send(batch).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("links".to_owned()).spawn(read)?;
    Ok(batches)
}

impl<I: Iterator<Item = anyhow::Result<String>>> Batches<I> {
    fn new(links: I, max_links: usize) -> Self {
        Self { links: links.peekable(), max_links, next_number: 0, links_before: 0 }
    }
}

impl<I: Iterator<Item = anyhow::Result<String>>> Iterator for Batches<I> {
    type Item = anyhow::Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = match self.links.next()? {
            Ok(link) => link,
            Err(error) => return Some(Err(error)),
        };
        let mut bytes = first.len();
        let mut links = vec![first];
        while links.len() < self.max_links {
            // An error waits until the links before it are a batch.
            let fits = |link: &I::Item| {
                link.as_ref().is_ok_and(|link| bytes.saturating_add(link.len()) <= MAX_BYTES)
            };
            let Some(Ok(link)) = self.links.next_if(fits) else { break };
            bytes += link.len();
            links.push(link);
        }
        let (number, links_before) = (self.next_number, self.links_before);
        self.next_number += 1;
        self.links_before += links.len() as u64;
        Some(Ok(Batch { number, links_before, links }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn batches(
        links: impl IntoIterator<Item = anyhow::Result<String>>,
        max_links: usize,
    ) -> Vec<anyhow::Result<Batch>> {
        Batches::new(links.into_iter(), max_links).collect()
    }

    proptest! {
        #[test]
        fn batches_are_all_links_in_order_and_none_is_too_large(
            kibibytes in prop::collection::vec(1_usize..256, 0..40),
            max_links in 1_usize..9,
        ) {
            let links: Vec<String> = kibibytes.iter().map(|count| "x".repeat(count * 1_024)).collect();
            let batches: Vec<Batch> = batches(links.iter().cloned().map(Ok), max_links)
                .into_iter()
                .collect::<Result<_, _>>()
                .unwrap();
            prop_assert_eq!(batches.iter().flat_map(|batch| batch.links.clone()).collect::<Vec<_>>(), links);
            let mut links_before = 0;
            for (number, batch) in batches.iter().enumerate() {
                prop_assert_eq!(batch.links_before, links_before);
                links_before += batch.links.len() as u64;
                prop_assert_eq!(batch.number, number);
                prop_assert!((1..=max_links).contains(&batch.links.len()));
                prop_assert!(batch.links.iter().map(String::len).sum::<usize>() <= MAX_BYTES);
            }
        }
    }

    #[test]
    fn an_error_comes_behind_the_links_before_it() {
        let of = |number: i32| Ok(number.to_string());
        let links = [of(1), of(2), of(3), Err(anyhow::anyhow!("wrong"))];
        let read = batches(links, 2);
        let sizes: Vec<_> =
            read.iter().map(|batch| batch.as_ref().map(|b| b.links.len()).ok()).collect();
        assert_eq!(sizes, [Some(2), Some(1), None]);
    }
}
