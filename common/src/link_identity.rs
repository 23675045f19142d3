//! What identifies a link: the request or the record that it came with, and its index there. The
//! id of its document follows, and so do the indexes of the videos that a list is expanded into.

use crate::ids::{DocumentId, RequestId};
use crate::record_origin::RecordOrigin;

/// The most videos that one link is expanded into; also how far apart the videos of two lists of
/// a request are, so that no two of them share an index, no matter what each consumer's limit is.
pub const MAX_EXPANDED_VIDEOS: u32 = 10_000;
/// The most links of one record; also how far apart the videos of two lists of a record are. The
/// record's own links have the indexes below those of the first list's videos.
pub const MAX_LINKS_OF_RECORD: u32 = 65_536;

/// The identity of a link. It stays the same no matter how often the link is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LinkIdentity {
    /// The link came with a request.
    OfRequest {
        /// The id of the request.
        request_id: RequestId,
        /// The index of the link in the request.
        index: u32,
    },
    /// The link came with a record that names no request.
    OfRecord {
        /// Where the record first was.
        origin: RecordOrigin,
        /// The index of the link in the record.
        index: u32,
    },
}

impl LinkIdentity {
    /// Returns the index of the link, from 0.
    pub fn index(&self) -> u32 {
        match self {
            Self::OfRequest { index, .. } | Self::OfRecord { index, .. } => *index,
        }
    }

    /// Returns the id of the request, if the link came with one.
    pub fn request_id(&self) -> Option<RequestId> {
        match self {
            Self::OfRequest { request_id, .. } => Some(*request_id),
            Self::OfRecord { .. } => None,
        }
    }

    /// Returns the id of the link's document.
    pub fn document_id(&self) -> DocumentId {
        match self {
            Self::OfRequest { request_id, index } => DocumentId::of_request(*request_id, *index),
            Self::OfRecord { origin, index } => DocumentId::of_record(origin, *index),
        }
    }

    /// Returns the identity of the link at another index of the same request or record.
    pub fn at(&self, index: u32) -> Self {
        match self {
            Self::OfRequest { request_id, .. } => {
                Self::OfRequest { request_id: *request_id, index }
            }
            Self::OfRecord { origin, .. } => Self::OfRecord { origin: origin.clone(), index },
        }
    }

    /// Returns the index of the first of the up to [`MAX_EXPANDED_VIDEOS`] videos that this list
    /// is expanded into: after all links of the request, and the same each time. `None` if there
    /// is no room, as for a link that is itself a video of a list.
    pub fn first_expanded_index(&self) -> Option<u32> {
        let (first, end) = match self {
            Self::OfRequest { request_id, index } => {
                let count = request_id.links_count();
                let first = index.checked_mul(MAX_EXPANDED_VIDEOS)?.checked_add(count)?;
                (first, *index < count)
            }
            Self::OfRecord { index, .. } => (
                index.checked_add(1)?.checked_mul(MAX_LINKS_OF_RECORD)?,
                *index < MAX_LINKS_OF_RECORD,
            ),
        };
        (end && first.checked_add(MAX_EXPANDED_VIDEOS).is_some()).then_some(first)
    }
}

impl RequestId {
    /// Returns whether a link of this request, or a video that one of its lists is expanded into,
    /// can have this index.
    pub fn has_index(self, index: u32) -> bool {
        let count = u64::from(self.links_count());
        u64::from(index) < count + count * u64::from(MAX_EXPANDED_VIDEOS)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::partition::{Offset, Partition};

    fn of_request(count: u32, index: u32) -> LinkIdentity {
        LinkIdentity::OfRequest { request_id: RequestId::new(count), index }
    }

    fn of_record(index: u32) -> LinkIdentity {
        let (partition, offset) = (Partition(3), Offset(42));
        let origin = RecordOrigin { topic: "T".to_owned(), partition, offset, timestamp: 7 };
        LinkIdentity::OfRecord { origin, index }
    }

    #[test]
    fn the_videos_of_a_request_s_first_list_follow_its_links() {
        assert_eq!(of_request(1, 0).first_expanded_index(), Some(1));
        assert_eq!(of_request(3, 0).first_expanded_index(), Some(3));
        assert_eq!(of_request(3, 2).first_expanded_index(), Some(20_003));
        assert_eq!(of_record(0).first_expanded_index(), Some(65_536));
    }

    #[test]
    fn a_video_of_a_list_is_not_a_list() {
        assert_eq!(of_request(1, 1).first_expanded_index(), None);
        assert_eq!(of_record(65_536).first_expanded_index(), None);
        assert_eq!(of_request(u32::MAX, 5).first_expanded_index(), None);
        assert_eq!(of_record(65_535).first_expanded_index(), None);
    }

    proptest! {
        #[test]
        fn no_two_lists_share_an_index(count in 1_u32..100_000, a in 0_u32..100_000, b in 0_u32..100_000) {
            let (a, b) = (a % count, b % count);
            let identities = [of_request(count, a.min(b)), of_request(count, a.max(b))];
            let [first, second] = identities.map(|identity| identity.first_expanded_index().unwrap());
            prop_assert!(first >= count);
            prop_assert!(a == b || first + MAX_EXPANDED_VIDEOS <= second);
            let id = RequestId::new(count);
            prop_assert!(id.has_index(second + MAX_EXPANDED_VIDEOS - 1));
        }

        #[test]
        fn no_two_lists_of_a_record_share_an_index(a in 0_u32..60_000, b in 0_u32..60_000) {
            let [first, second] =
                [a.min(b), a.max(b)].map(|index| of_record(index).first_expanded_index().unwrap());
            prop_assert!(first > a.max(b), "after the record's own links");
            prop_assert!(a == b || first + MAX_EXPANDED_VIDEOS <= second);
        }
    }
}
