//! Smaller forms of a dead letter that the broker refuses permanently: the first part of the value,
//! then less of it, and finally only the key and the headers that name its link.

use linkrelay_kafka::publish::Letter;
use linkrelay_kafka::{DeadLetterHeaders, headers_bytes};
use rdkafka::types::RDKafkaErrorCode;

/// What linkrelay's own headers need, with the longest topic names and without the error message.
const SMALLEST_BYTES: usize = 1_024;

/// The forms of one dead letter, from the complete one down.
#[derive(Debug)]
pub(crate) struct Forms {
    whole: Letter,
    /// The size of the last form; 0 if there is no smaller one.
    bytes: usize,
}

impl Forms {
    pub(crate) fn of(letter: &Letter) -> Self {
        Self { whole: letter.clone(), bytes: size_bytes(letter) }
    }

    /// Returns the form to try after this refusal; `None` if the last one was the smallest.
    pub(crate) fn next(&mut self, refusal: RDKafkaErrorCode) -> Option<Letter> {
        if refusal == RDKafkaErrorCode::InvalidRecord && self.whole.key.is_none() {
            // A compacted topic takes no record without a key.
            self.whole.key = Some(self.whole.document_id.as_str().into());
            return Some(self.whole.clone());
        }
        if self.bytes == 0 {
            return None;
        }
        let half = self.bytes / 2;
        self.bytes = if half > SMALLEST_BYTES { half } else { 0 };
        Some(truncated(&self.whole, self.bytes))
    }
}

fn size_bytes(letter: &Letter) -> usize {
    let key_bytes = letter.key.as_ref().map_or(0, Vec::len);
    key_bytes + letter.value.len() + headers_bytes(&letter.headers)
}

/// Returns as much of the dead letter as fits: headers, then the key up to half of the remaining
/// bytes, then the beginning of the value.
fn truncated(whole: &Letter, max_bytes: usize) -> Letter {
    let for_headers = max_bytes.max(SMALLEST_BYTES);
    let headers = DeadLetterHeaders::truncated(&whole.headers, whole.value.len(), for_headers);
    let room = max_bytes.saturating_sub(headers_bytes(&headers));
    let key = whole.key.as_ref().map(|key| start(key, (room / 2).max(SMALLEST_KEY_BYTES)).to_vec());
    let room = room.saturating_sub(key.as_ref().map_or(0, Vec::len));
    let value = start(&whole.value, room).to_vec();
    Letter { document_id: whole.document_id.clone(), key, value, headers }
}

/// Every form has at least this much of a key, so keys of linkrelay are complete in all of them.
const SMALLEST_KEY_BYTES: usize = 128;

fn start(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(..length).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use linkrelay_common::DocumentId;
    use proptest::prelude::*;
    use rdkafka::message::{Header, Headers, OwnedHeaders};

    use super::*;

    const REFUSAL: RDKafkaErrorCode = RDKafkaErrorCode::MessageSizeTooLarge;
    const ORIGIN: Header<'_, &[u8]> = Header { key: "linkrelay-origin", value: Some(b"T:0:1:2") };

    fn letter(value: usize, key: Option<usize>, headers: &[usize]) -> Letter {
        let own = headers.iter().map(|length| vec![b'h'; *length]);
        let headers = own.fold(OwnedHeaders::new(), |headers, value| {
            headers.insert(Header { key: "mine", value: Some(&value) })
        });
        Letter {
            document_id: DocumentId::from_stored("T:0:1:2:0".to_owned()),
            key: key.map(|length| vec![b'k'; length]),
            value: vec![b'v'; value],
            headers: headers.insert(ORIGIN),
        }
    }

    /// Returns the form that a broker takes if its limit is `limit` bytes.
    fn form_within(letter: &Letter, limit: usize) -> Option<Letter> {
        let mut forms = Forms::of(letter);
        let mut form = letter.clone();
        while size_bytes(&form) > limit {
            form = forms.next(REFUSAL)?;
        }
        Some(form)
    }

    proptest! {
        #[test]
        fn a_large_dead_letter_is_truncated_until_it_fits_and_keeps_its_origin(
            value in 0_usize..300_000,
            key in proptest::option::of(0_usize..300_000),
            headers in proptest::collection::vec(0_usize..100_000, 0..5),
            limit in 1_200_usize..500_000,
        ) {
            let whole = letter(value, key, &headers);
            let form = form_within(&whole, limit).unwrap();
            prop_assert!(size_bytes(&form) <= limit);
            prop_assert!(form.headers.iter().any(|header| header.key == ORIGIN.key));
            prop_assert!(whole.value.starts_with(&form.value));
            let truncated_from = DeadLetterHeaders::truncated_bytes(&form.headers);
            let is_truncated = size_bytes(&whole) > limit;
            prop_assert_eq!(truncated_from, is_truncated.then_some(value as u64));
        }

        #[test]
        fn a_large_value_alone_loses_less_than_what_is_refused(value in 50_000_usize..300_000) {
            let whole = letter(value, Some(11), &[20]);
            let form = form_within(&whole, value).unwrap();
            prop_assert!(form.value.len() > value / 2 - 1_000);
            prop_assert_eq!((form.key, form.headers.count()), (whole.key, whole.headers.count() + 1));
        }
    }

    #[test]
    fn the_last_form_has_no_value_and_no_form_follows_it() {
        let mut forms = Forms::of(&letter(5_000, None, &[]));
        let last = std::iter::from_fn(|| forms.next(REFUSAL)).last().unwrap();
        assert_eq!((last.value.len(), last.key), (0, None));
    }

    #[test]
    fn a_dead_letter_without_a_key_gets_one_if_the_broker_requires_it() {
        let whole = letter(10, None, &[]);
        let mut forms = Forms::of(&whole);
        let keyed = forms.next(RDKafkaErrorCode::InvalidRecord).unwrap();
        assert_eq!((keyed.key, keyed.value), (Some(b"T:0:1:2:0".to_vec()), whole.value));
        let truncated = forms.next(RDKafkaErrorCode::InvalidRecord).unwrap();
        assert!(truncated.key.is_some() && truncated.value.is_empty());
    }
}
