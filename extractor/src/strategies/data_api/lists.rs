//! Looks up the videos of a playlist or a channel, page after page, until there are enough or no
//! more.
//!
//! It asks the Data API directly: its answers are not cached, and there is no chain, breaker or
//! gate before it. It must not know: the format of an answer, or what its caller does with the
//! videos.

use std::collections::HashSet;
use std::sync::Arc;

use linkrelay_common::{ListLink, VideoId};

use super::api::{DataApiClient, ListReply, PAGE_SIZE};
use super::list_answer::{self, NoList, PlaylistPage};
use crate::error::{ExtractError, Refusal};

/// How many pages without any item may come before the last one; more mean a list without an end.
const MAX_EMPTY_PAGES: usize = 3;
/// How many pages are read beyond twice the number that full pages without repetitions need.
const SPARE_PAGES: usize = 8;

/// Looks up lists with the Data API.
#[derive(Debug)]
pub(crate) struct ListLookup {
    api: Arc<DataApiClient>,
}

/// What has been found of one list so far.
#[derive(Debug)]
struct Gathered {
    limit: usize,
    video_ids: Vec<VideoId>,
    seen_ids: HashSet<VideoId>,
    seen_tokens: HashSet<String>,
    empty_pages: usize,
    pages_left: usize,
}

impl ListLookup {
    pub(crate) fn new(api: Arc<DataApiClient>) -> Self {
        Self { api }
    }

    /// As [`crate::Extract::expand`].
    pub(crate) async fn expand(
        &self,
        list: &ListLink,
        limit: usize,
    ) -> Result<Vec<VideoId>, ExtractError> {
        match list {
            ListLink::Playlist(id) => self.playlist(id, limit).await?.ok_or_else(unavailable),
            ListLink::Channel(id) => self.channel("id", id, limit).await,
            ListLink::Handle(name) => self.channel("forHandle", &format!("@{name}"), limit).await,
            ListLink::User(name) => self.channel("forUsername", name, limit).await,
        }
    }

    async fn channel(
        &self,
        filter: &'static str,
        name: &str,
        limit: usize,
    ) -> Result<Vec<VideoId>, ExtractError> {
        let ListReply::Body(body) = self.api.channels(filter, name).await? else {
            return Err(unavailable());
        };
        let channel_id = (filter == "id").then_some(name);
        let uploads = list_answer::uploads(&body, channel_id)?.ok_or_else(unavailable)?;
        // The channel exists; if it has no videos, its playlist does not.
        Ok(self.playlist(&uploads, limit).await?.unwrap_or_default())
    }

    /// Returns the videos of a playlist; `None` if there is no such playlist.
    async fn playlist(
        &self,
        playlist_id: &str,
        limit: usize,
    ) -> Result<Option<Vec<VideoId>>, ExtractError> {
        let mut gathered = Gathered::new(limit);
        let mut token: Option<String> = None;
        loop {
            let page = match self.api.playlist_items(playlist_id, token.as_deref()).await? {
                ListReply::Body(body) => list_answer::page(&body)?,
                // On a later page it means that the playlist was deleted while it was read.
                ListReply::NoList(NoList::NotFound) if token.is_none() => return Ok(None),
                ListReply::NoList(_) => return Err(unavailable()),
            };
            token = gathered.add(page)?;
            if token.is_none() {
                return Ok(Some(gathered.video_ids));
            }
        }
    }
}

impl Gathered {
    fn new(limit: usize) -> Self {
        // A page may have fewer videos than it could: some are not shown, some are repeated.
        let pages_left = limit.div_ceil(PAGE_SIZE).saturating_mul(2).saturating_add(SPARE_PAGES);
        Self {
            limit,
            video_ids: Vec::new(),
            seen_ids: HashSet::new(),
            seen_tokens: HashSet::new(),
            empty_pages: 0,
            pages_left,
        }
    }

    /// Adds the new videos of a page, and returns the token of the next page if that is needed.
    ///
    /// # Errors
    /// Unreadable for a list without an end.
    fn add(&mut self, page: PlaylistPage) -> Result<Option<String>, ExtractError> {
        self.pages_left = self.pages_left.saturating_sub(1);
        self.empty_pages += usize::from(page.video_ids.is_empty());
        for video_id in page.video_ids {
            if self.video_ids.len() < self.limit && self.seen_ids.insert(video_id) {
                self.video_ids.push(video_id);
            }
        }
        let is_full = self.video_ids.len() >= self.limit;
        let Some(token) = page.next_token.filter(|_| !is_full) else {
            return Ok(None);
        };
        let is_new = self.seen_tokens.insert(token.clone());
        if !is_new || self.pages_left == 0 || self.empty_pages > MAX_EMPTY_PAGES {
            let problem = "Data API: the playlist has no end";
            return Err(ExtractError::Unreadable(problem.to_owned()));
        }
        Ok(Some(token))
    }
}

fn unavailable() -> ExtractError {
    ExtractError::Refused(Refusal::ListUnavailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> VideoId {
        VideoId::parse(&format!("{number:011}")).unwrap()
    }

    fn page(numbers: impl IntoIterator<Item = usize>, next: Option<&str>) -> PlaylistPage {
        let video_ids = numbers.into_iter().map(id).collect();
        PlaylistPage { video_ids, next_token: next.map(str::to_owned) }
    }

    fn ids(numbers: impl IntoIterator<Item = usize>) -> Vec<VideoId> {
        numbers.into_iter().map(id).collect()
    }

    /// Adds pages as long as they are asked for. Returns how many there were, and the error.
    fn run(limit: usize, page: impl Fn(usize) -> PlaylistPage) -> (usize, Option<ExtractError>) {
        let mut gathered = Gathered::new(limit);
        for number in 0..10_000 {
            match gathered.add(page(number)) {
                Ok(Some(_)) => {}
                Ok(None) => return (number + 1, None),
                Err(error) => return (number + 1, Some(error)),
            }
        }
        panic!("the list has no end");
    }

    #[test]
    fn a_repeated_video_is_returned_once_where_it_was_first() {
        let mut gathered = Gathered::new(10);
        let next = gathered.add(page([3, 1, 3, 2], Some("a"))).unwrap();
        assert_eq!(next.as_deref(), Some("a"));
        assert_eq!(gathered.add(page([2, 4, 1, 4], None)).unwrap(), None);
        assert_eq!(gathered.video_ids, ids([3, 1, 2, 4]));
    }

    #[test]
    fn nothing_is_asked_for_beyond_the_limit_and_repetitions_do_not_count() {
        let mut gathered = Gathered::new(3);
        assert!(gathered.add(page([1, 1, 2], Some("a"))).unwrap().is_some());
        assert_eq!(gathered.add(page([2, 3, 4], Some("b"))).unwrap(), None);
        assert_eq!(gathered.video_ids, ids([1, 2, 3]));
        assert_eq!(Gathered::new(0).add(page([1], Some("a"))).unwrap(), None);
    }

    #[test]
    fn pages_that_are_not_full_do_no_harm() {
        let single = run(100, |number| page([2 * number, 2 * number + 1], None));
        assert!(matches!(single, (1, None)), "{single:?}");
        let half = run(1_000, |number| {
            page(number * 25..number * 25 + 25, Some(&format!("token {number}")))
        });
        assert!(matches!(half, (40, None)), "{half:?}");
        let gaps = run(100, |number| match number {
            0..3 => page([], Some(&format!("token {number}"))),
            _ => page(0..7, None),
        });
        assert!(matches!(gaps, (4, None)), "{gaps:?}");
    }

    #[test]
    fn a_list_without_an_end_is_unreadable() {
        let token = |number: usize| format!("token {number}");
        for (pages, (asked, error)) in [
            (2, run(1_000, |number| page([number], Some("the same")))),
            (3, run(1_000, |number| page([number], Some(&token(number % 2))))),
            (4, run(1_000, |number| page([], Some(&token(number))))),
            (48, run(1_000, |number| page([number], Some(&token(number))))),
            (10, run(50, |number| page([1], Some(&token(number))))),
        ] {
            assert_eq!(asked, pages);
            assert_eq!(error.map(|error| error.code()), Some("unreadable"), "{pages}");
        }
    }
}
