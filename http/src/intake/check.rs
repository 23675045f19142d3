//! Divides the links of a request into valid and rejected ones.

use linkrelay_common::link::{LinkError, VideoId, split};
use linkrelay_common::{DocumentId, RequestId};

/// A link as it was found in what a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentLink {
    /// The link.
    pub text: String,
    /// The index of the text that it was found in, among those that the client sent.
    pub source: usize,
}

impl SentLink {
    /// Finds the links in the texts that a client sent.
    pub fn find_all(texts: &[String]) -> Vec<Self> {
        let pieces = |(source, text): (usize, &String)| {
            split(text).into_iter().map(move |text| Self { text, source })
        };
        texts.iter().enumerate().flat_map(pieces).collect()
    }
}

/// The links of one request, checked for whether each names a `T`.
#[derive(Debug)]
pub struct CheckedLinks<T = VideoId> {
    /// The links that name one, in order.
    pub valid: Vec<ValidLink<T>>,
    /// The other links, in order.
    pub rejected: Vec<RejectedLink>,
}

/// A link that names a `T`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidLink<T = VideoId> {
    /// The link as it was submitted.
    pub link: String,
    /// See [`SentLink::source`].
    pub source: usize,
    /// What the link names.
    pub names: T,
}

/// One link of a request, valid or rejected.
#[derive(Debug)]
pub enum CheckedLink<'a, T = VideoId> {
    /// A link that names a `T`.
    Valid(&'a ValidLink<T>),
    /// A link that does not.
    Rejected(&'a RejectedLink),
}

/// A link that does not name a `T`.
#[derive(Debug)]
pub struct RejectedLink {
    /// Its position among all links of the request, from 0.
    pub index: usize,
    /// See [`SentLink::source`].
    pub source: usize,
    /// The link as it was submitted.
    pub link: String,
    /// Why it is rejected.
    pub error: LinkError,
}

impl<T> CheckedLinks<T> {
    /// Checks each link with `parse`.
    pub fn new(links: Vec<SentLink>, parse: impl Fn(&str) -> Result<T, LinkError>) -> Self {
        let mut checked = Self { valid: Vec::with_capacity(links.len()), rejected: Vec::new() };
        for (index, SentLink { text: link, source }) in links.into_iter().enumerate() {
            match parse(&link) {
                Ok(names) => checked.valid.push(ValidLink { link, source, names }),
                Err(error) => checked.rejected.push(RejectedLink { index, source, link, error }),
            }
        }
        checked
    }

    /// Returns all links in the order of the request.
    pub fn in_order(&self) -> impl Iterator<Item = CheckedLink<'_, T>> {
        let mut valid = self.valid.iter();
        let mut rejected = self.rejected.iter().peekable();
        (0..self.valid.len() + self.rejected.len()).filter_map(move |index| {
            match rejected.next_if(|rejected| rejected.index == index) {
                Some(rejected) => Some(CheckedLink::Rejected(rejected)),
                None => valid.next().map(CheckedLink::Valid),
            }
        })
    }

    /// Returns an id for the request. It counts the valid links, so the id alone tells which
    /// documents to expect. With a key, the same key with the same links gives the same id.
    pub fn request_id(&self, idempotency_key: Option<&str>) -> RequestId {
        match idempotency_key {
            Some(key) => RequestId::from_idempotency_key(key, &self.valid),
            None => RequestId::new(u32::try_from(self.valid.len()).unwrap_or(u32::MAX)),
        }
    }

    /// Returns the valid links, each with its index and the id of its document to come.
    pub fn documents(
        &self,
        id: RequestId,
    ) -> impl Iterator<Item = (u32, DocumentId, &ValidLink<T>)> {
        (0_u32..)
            .zip(&self.valid)
            .map(move |(index, valid)| (index, DocumentId::of_request(id, index), valid))
    }
}

impl<T> AsRef<str> for ValidLink<T> {
    fn as_ref(&self) -> &str {
        &self.link
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linkrelay_common::link::parse_link;

    fn checked() -> CheckedLinks {
        let texts = ["youtu.be/5fR9AHlSDtc", "hello", "https://youtu.be/dQw4w9WgXcQ"];
        CheckedLinks::new(SentLink::find_all(&texts.map(str::to_owned)), parse_link)
    }

    #[test]
    fn the_id_counts_the_valid_links_and_so_do_their_indexes() {
        let checked = checked();
        assert_eq!(checked.rejected.len(), 1);
        assert_eq!((checked.rejected[0].index, checked.rejected[0].error.code()), (1, "not_a_url"));
        let id = checked.request_id(None);
        assert_eq!(id.links_count(), 2);
        let documents: Vec<_> = checked.documents(id).collect();
        assert_eq!((documents[1].0, documents[1].2.names.as_str()), (1, "dQw4w9WgXcQ"));
    }

    #[test]
    fn links_of_one_text_have_its_source_and_an_index_each() {
        let texts = [
            "hello".to_owned(),
            "youtu.be/5fR9AHlSDtc, youtu.be/x and youtu.be/dQw4w9WgXcQ".to_owned(),
        ];
        let checked = CheckedLinks::new(SentLink::find_all(&texts), parse_link);
        let rejected =
            checked.rejected.iter().map(|link| (link.index, link.source, link.error.code()));
        assert_eq!(rejected.collect::<Vec<_>>(), [(0, 0, "not_a_url"), (2, 1, "bad_video_id")]);
        assert_eq!(checked.valid.iter().map(|link| link.source).collect::<Vec<_>>(), [1, 1]);
    }

    #[test]
    fn a_key_gives_the_same_documents_again() {
        let ids = || {
            let checked = checked();
            let id = checked.request_id(Some("k"));
            checked.documents(id).map(|(_, id, _)| id).collect::<Vec<_>>()
        };
        assert_eq!(ids(), ids());
    }
}
