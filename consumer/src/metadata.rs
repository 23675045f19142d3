//! Completions beyond the prefix, as text in the metadata of a commit, so that a restart
//! extracts again only what was really unfinished.
//!
//! Pure. The text is ASCII (rust-rdkafka panics on other bytes when it reads metadata), begins
//! with a version and the encoding, and stays below the broker's limit (offset.metadata.max.bytes,
//! 4,096 by default): what does not fit is left out from the far end, which only costs extracting
//! it again. Metadata of another program, or of a later version, reads as "nothing known".

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;

/// The longest metadata that is written.
const MAX_TEXT_BYTES: usize = 4_000;
/// Version 1, a bit per offset.
const BITMAP: &str = "lr1b:";
/// Version 1, lengths of runs, in turns: incomplete, complete.
const RUNS: &str = "lr1r:";
/// What base64 leaves of the longest text.
const MAX_BYTES: usize = (MAX_TEXT_BYTES - BITMAP.len()) / 4 * 3;
/// A longer distance from the prefix is not believed: no tracker of ours takes so many.
const MAX_DISTANCE: i64 = 1 << 32;

/// Writes the complete ranges beyond `prefix`: ascending, not touching, none empty, none below
/// `prefix`. Empty text for no range.
pub(crate) fn encode(prefix: i64, complete: &[Range<i64>]) -> String {
    if complete.is_empty() {
        return String::new();
    }
    let runs = encode_runs(prefix, complete);
    let bitmap = encode_bitmap(prefix, complete);
    // The smaller one, unless it had to leave more out.
    let is_runs = (runs.covered_to, std::cmp::Reverse(runs.bytes.len()))
        >= (bitmap.covered_to, std::cmp::Reverse(bitmap.bytes.len()));
    let (tag, encoded) = if is_runs { (RUNS, runs) } else { (BITMAP, bitmap) };
    if encoded.bytes.is_empty() {
        return String::new();
    }
    format!("{tag}{}", BASE64.encode(encoded.bytes))
}

/// Reads what [`encode`] wrote for a commit at `prefix`; anything else gives no range.
pub(crate) fn decode(prefix: i64, text: &str) -> Vec<Range<i64>> {
    if !(0..i64::MAX - MAX_DISTANCE).contains(&prefix) {
        return Vec::new();
    }
    let decoded = if let Some(text) = text.strip_prefix(RUNS) {
        BASE64.decode(text).ok().and_then(|bytes| decode_runs(prefix, &bytes))
    } else if let Some(text) = text.strip_prefix(BITMAP) {
        BASE64.decode(text).ok().map(|bytes| decode_bitmap(prefix, &bytes))
    } else {
        None
    };
    decoded.unwrap_or_default()
}

/// Bytes, and the offset up to which they say everything.
struct Encoded {
    bytes: Vec<u8>,
    covered_to: i64,
}

fn encode_runs(prefix: i64, complete: &[Range<i64>]) -> Encoded {
    let mut encoded = Encoded { bytes: Vec::new(), covered_to: prefix };
    for range in complete {
        let mut pair = Vec::with_capacity(20);
        write_length(&mut pair, range.start - encoded.covered_to);
        write_length(&mut pair, range.end - range.start);
        if encoded.bytes.len() + pair.len() > MAX_BYTES || range.end - prefix > MAX_DISTANCE {
            break;
        }
        encoded.bytes.extend(pair);
        encoded.covered_to = range.end;
    }
    encoded
}

fn decode_runs(prefix: i64, bytes: &[u8]) -> Option<Vec<Range<i64>>> {
    let (mut ranges, mut at, mut rest) = (Vec::new(), prefix, bytes);
    while !rest.is_empty() {
        let start = at.checked_add(read_length(&mut rest)?)?;
        let end = start.checked_add(read_length(&mut rest)?)?;
        let is_sound = start > at || (start == at && at == prefix);
        if !is_sound || end <= start || end - prefix > MAX_DISTANCE {
            return None;
        }
        ranges.push(start..end);
        at = end;
    }
    Some(ranges)
}

/// LEB128: seven bits a byte, the lowest first.
fn write_length(bytes: &mut Vec<u8>, length: i64) {
    let mut left = length.unsigned_abs();
    loop {
        let low = (left & 0x7f) as u8;
        left >>= 7;
        if left == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn read_length(bytes: &mut &[u8]) -> Option<i64> {
    let mut length = 0_u64;
    for shift in (0..63).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        length |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return i64::try_from(length).ok();
        }
    }
    None
}

fn encode_bitmap(prefix: i64, complete: &[Range<i64>]) -> Encoded {
    let last = complete.last().map_or(prefix, |range| range.end);
    let limit = i64::try_from(MAX_BYTES * 8).unwrap_or(i64::MAX);
    let bits = (last - prefix).min(limit);
    let mut bytes = vec![0_u8; usize::try_from(bits).unwrap_or(0).div_ceil(8)];
    for range in complete {
        for bit in (range.start - prefix).min(bits)..(range.end - prefix).min(bits) {
            if let Some(byte) = usize::try_from(bit / 8).ok().and_then(|index| bytes.get_mut(index))
            {
                *byte |= 1 << (bit % 8);
            }
        }
    }
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    Encoded { bytes, covered_to: prefix + bits }
}

fn decode_bitmap(prefix: i64, bytes: &[u8]) -> Vec<Range<i64>> {
    let mut ranges: Vec<Range<i64>> = Vec::new();
    let bits = bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte & (1 << bit) != 0));
    for (offset, _) in (prefix..).zip(bits).filter(|(_, is_complete)| *is_complete) {
        match ranges.last_mut() {
            Some(range) if range.end == offset => range.end = offset + 1,
            _ => ranges.push(offset..offset + 1),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Ascending ranges that do not touch, above the prefix.
    fn ranges(prefix: i64, runs: &[(i64, i64)]) -> Vec<Range<i64>> {
        let mut at = prefix;
        let mut ranges = Vec::new();
        for (gap, length) in runs {
            ranges.push(at + gap..at + gap + length);
            at += gap + length;
        }
        ranges
    }

    fn runs(max_gap: i64, max_length: i64, count: usize) -> impl Strategy<Value = Vec<(i64, i64)>> {
        proptest::collection::vec((1..=max_gap, 1..=max_length), 0..count)
    }

    #[test]
    fn the_smaller_encoding_is_chosen() {
        let one_long_run = encode(1_000, &[1_001..11_000]);
        assert!(one_long_run.starts_with(RUNS) && one_long_run.len() < 12, "{one_long_run}");
        let every_other: Vec<Range<i64>> = (0..1_000).map(|n| 2 * n + 1..2 * n + 2).collect();
        let every_other = encode(0, &every_other);
        assert!(every_other.starts_with(BITMAP) && every_other.len() < 400, "{every_other}");
    }

    #[test]
    fn twenty_thousand_offsets_in_any_pattern_fit_whole() {
        let every_other: Vec<Range<i64>> = (0..10_000).map(|n| 2 * n + 1..2 * n + 2).collect();
        let text = encode(
            5,
            &every_other.iter().map(|range| range.start + 5..range.end + 5).collect::<Vec<_>>(),
        );
        assert_eq!(decode(5, &text).len(), 10_000);
    }

    #[test]
    fn what_others_wrote_says_nothing() {
        for text in [
            "",
            "hello",
            "lr2b:AAAA",
            "lr1r:",
            "lr1r:!!",
            "lr1r:gICAgICAgICAgIA",
            "lr1r:AAA",
            "{\"a\":1}",
        ] {
            assert_eq!(decode(7, text), [], "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_fits_comes_back(prefix in 0_i64..1 << 40, runs in runs(50, 50, 200)) {
            let complete = ranges(prefix, &runs);
            let text = encode(prefix, &complete);
            prop_assert!(text.len() <= MAX_TEXT_BYTES && text.is_ascii());
            prop_assert_eq!(decode(prefix, &text), complete);
        }

        #[test]
        fn what_does_not_fit_is_left_out_and_nothing_is_made_up(prefix in 0_i64..1 << 40, runs in runs(2_000, 200, 4_000)) {
            let complete = ranges(prefix, &runs);
            let text = encode(prefix, &complete);
            prop_assert!(text.len() <= MAX_TEXT_BYTES && text.is_ascii());
            for range in decode(prefix, &text) {
                prop_assert!(complete.iter().any(|whole| whole.start <= range.start && range.end <= whole.end));
            }
        }

        #[test]
        fn any_text_is_answered_without_a_panic(prefix in 0_i64..i64::MAX, text in "lr1[br]:[A-Za-z0-9+/]{0,60}|\\PC{0,40}") {
            let mut at = prefix;
            for range in decode(prefix, &text) {
                prop_assert!(at <= range.start && range.start < range.end);
                at = range.end;
            }
        }
    }
}
