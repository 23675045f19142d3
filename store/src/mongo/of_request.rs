//! Which documents are those of a request: what its id says, as filters on `_id`.
//!
//! A second index, by request, made each insert cost twice as much; `_id` begins with the request's
//! id, so it needs none (docs/decisions/0051-a-status-asks-by-id.md).

use std::ops::Range;

use linkrelay_common::{DocumentId, RequestId};
use mongodb::bson::{Document, doc};

use crate::RequestCounts;

/// How many ids one query asks for. Some servers look each document up in the list from its start,
/// so that ten short lists take a tenth of the time of a long one.
const IDS_PER_QUERY: usize = 100;
/// How many ids a call asks for one by one; of more, it reads a range. That is also for a request
/// id that a caller made up: no number in it makes the server work.
const MAX_IDS: u32 = 1_000;

/// The filters that select the documents, each of them once.
pub(super) enum Selection {
    /// The documents of these ids.
    Ids(Vec<Document>),
    /// A range of ids.
    Range(Document),
}

impl Selection {
    pub(super) fn into_filters(self) -> Vec<Document> {
        match self {
            Self::Ids(filters) => filters,
            Self::Range(filter) => vec![filter],
        }
    }
}

/// Selects all documents of a request, with those of the videos of its lists.
pub(super) fn all(request_id: RequestId) -> Document {
    // All ids between these end in digits, no matter which collation the collection has.
    doc! { "_id": { "$gte": format!("{request_id}:0"), "$lte": format!("{request_id}:9999999999") } }
}

/// Selects the documents of a request's links, and possibly those of the videos of its lists.
pub(super) fn links(request_id: RequestId) -> Selection {
    let count = request_id.links_count();
    if count > MAX_IDS { Selection::Range(all(request_id)) } else { ids(request_id, 0..count) }
}

/// Like [`links`], of many requests: those of few links share filters.
pub(super) fn links_of_all(request_ids: &[RequestId]) -> Vec<Document> {
    let (large, small): (Vec<RequestId>, Vec<RequestId>) =
        request_ids.iter().partition(|request_id| request_id.links_count() > MAX_IDS);
    let ids = small.into_iter().flat_map(|id| ids_of(id, 0..id.links_count()));
    by_ids(ids).into_iter().chain(large.into_iter().map(all)).collect()
}

/// Selects the documents that have one of these indexes, be it of a link or of a video of a list.
pub(super) fn page(request_id: RequestId, indexes: Range<u32>) -> Selection {
    if indexes.len() <= MAX_IDS as usize {
        return ids(request_id, indexes);
    }
    let mut range = all(request_id);
    range.insert("index", doc! { "$gte": i64::from(indexes.start), "$lt": i64::from(indexes.end) });
    Selection::Range(range)
}

fn ids(request_id: RequestId, indexes: Range<u32>) -> Selection {
    Selection::Ids(by_ids(ids_of(request_id, indexes)))
}

fn ids_of(request_id: RequestId, indexes: Range<u32>) -> impl Iterator<Item = String> {
    indexes.map(move |index| DocumentId::of_request(request_id, index).to_string())
}

/// Selects what has these ids, in this or another collection.
pub(super) fn by_ids(ids: impl IntoIterator<Item = impl Into<String>>) -> Vec<Document> {
    let ids: Vec<String> = ids.into_iter().map(Into::into).collect();
    ids.chunks(IDS_PER_QUERY).map(|ids| doc! { "_id": { "$in": ids } }).collect()
}

/// Whether a request with these counts of its links may have documents of videos of lists; a deleted
/// link may have been a list.
pub(super) fn may_have_lists(counts: &RequestCounts) -> bool {
    counts.expanded > 0 || counts.deleted > 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_selected(filter: &Document, id: &str) -> bool {
        let condition = filter.get_document("_id").unwrap();
        match condition.get_array("$in") {
            Ok(ids) => ids.iter().any(|listed| listed.as_str() == Some(id)),
            Err(_) => {
                condition.get_str("$gte").unwrap() <= id && id <= condition.get_str("$lte").unwrap()
            }
        }
    }

    proptest! {
        #[test]
        fn each_document_of_a_request_is_selected_once(
            count in prop_oneof![1_u32..300, 990_u32..1_010, Just(u32::MAX)], at in any::<u32>(),
        ) {
            let (request_id, other) = (RequestId::new(count), RequestId::new(count));
            let id = DocumentId::of_request(request_id, at);
            let id = id.as_str();
            prop_assert!(is_selected(&all(request_id), id));
            prop_assert!(!is_selected(&all(other), id));
            let times = |filters: &[Document]| {
                filters.iter().filter(|filter| is_selected(filter, id)).count()
            };
            let filters = links(request_id).into_filters();
            prop_assert!(filters.len() <= 10);
            prop_assert!(times(&filters) <= 1);
            let link = DocumentId::of_request(request_id, at % count);
            let selected = filters.iter().filter(|filter| is_selected(filter, link.as_str()));
            prop_assert_eq!(selected.count(), 1);
        }

        #[test]
        fn a_page_selects_its_indexes(from in any::<u32>(), limit in 0_u32..2_000, at in 0_u32..2_000) {
            let request_id = RequestId::new(5);
            let page_of = from..from.saturating_add(limit);
            let index = from.saturating_add(at);
            let id = DocumentId::of_request(request_id, index);
            let in_page = |filter: &&Document| {
                let bound = |name| filter.get_document("index").and_then(|of| of.get_i64(name));
                is_selected(filter, id.as_str())
                    && bound("$gte").map_or(true, |first| first <= i64::from(index))
                    && bound("$lt").map_or(true, |end| i64::from(index) < end)
            };
            let filters = page(request_id, page_of.clone()).into_filters();
            let selected = filters.iter().filter(in_page).count();
            prop_assert_eq!(selected, usize::from(page_of.contains(&index)));
        }
    }
}
