//! Which links are sent, in which requests and when: all of it follows from the seed.

use std::time::Duration;

use super::expected::{ExpectedLink, Fate, Fates, RecordByHand};
use linkrelay_fake_youtube::pages::Draws;

/// Links in one request, at most.
const MAX_BATCH: u64 = 16;
/// One in so many links is to a video that was sent before.
const ONE_REPEATED_IN: u64 = 40;
/// One in so many requests is sent again after its 201, as by a client that lost the answer.
const ONE_SENT_AGAIN_IN: u64 = 25;
/// One record by hand for so many links.
const LINKS_PER_RECORD_BY_HAND: usize = 60;
const MIN_RECORDS_BY_HAND: usize = 24;
/// The load ends a little before the schedule, so that the last faults meet only what is left.
const LOAD_PART: f64 = 0.95;
/// A burst of requests comes up to so long before each fault, which then hits a queue of work.
const BURST_LEAD: Duration = Duration::from_millis(1_500);

/// One request of the load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedRequest {
    /// When it is sent first.
    pub(super) at: Duration,
    /// Its Idempotency-Key.
    pub(super) key: String,
    pub(super) links: Vec<ExpectedLink>,
    pub(super) is_sent_again: bool,
}

/// One record that is put straight into the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedRecord {
    pub(super) at: Duration,
    pub(super) record: RecordByHand,
}

/// Everything that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) requests: Vec<PlannedRequest>,
    pub(super) by_hand: Vec<PlannedRecord>,
}

impl Load {
    /// The load of this seed over `span`: `links` links in requests, half of them evenly and half
    /// in bursts before the `faults`; and some more by hand.
    pub(super) fn plan(seed: u64, links: usize, span: Duration, faults: &[Duration]) -> Self {
        let fates = Fates::new(seed);
        let span = span.mul_f64(LOAD_PART);
        let batches = batches(seed, links);
        let moments = moments(seed, batches.len(), span, faults);
        let mut draws = Draws::new(seed, &["chaos", "load"]);
        let mut sent_before = 0;
        let requests = batches.into_iter().zip(moments).enumerate().map(|(place, (size, at))| {
            let numbers = sent_before..sent_before + size;
            sent_before += size;
            PlannedRequest {
                at,
                key: format!("chaos-{seed}-{place}"),
                links: numbers.map(|number| link(seed, number, &mut draws, &fates)).collect(),
                is_sent_again: draws.one_in(ONE_SENT_AGAIN_IN),
            }
        });
        Self { requests: requests.collect(), by_hand: by_hand(seed, links, span, &fates) }
    }
}

/// When requests are sent, in order.
fn moments(seed: u64, count: usize, span: Duration, faults: &[Duration]) -> Vec<Duration> {
    let mut draws = Draws::new(seed, &["chaos", "moments"]);
    let pace = span.div_f64(count.max(1) as f64);
    let mut moments: Vec<Duration> = (0..count)
        .map(|place| match faults.get(place / 2 % faults.len().max(1)) {
            Some(fault) if place % 2 == 1 => {
                fault.saturating_sub(BURST_LEAD.mul_f64(draws.fraction())).min(span)
            }
            _ => pace.mul_f64(place as f64),
        })
        .collect();
    moments.sort_unstable();
    moments
}

/// The sizes of requests, which sum up to `links`.
fn batches(seed: u64, links: usize) -> Vec<usize> {
    let mut draws = Draws::new(seed, &["chaos", "batches"]);
    let mut left = links;
    let mut batches = Vec::new();
    while left > 0 {
        let size = (draws.below(MAX_BATCH) as usize + 1).min(left);
        left -= size;
        batches.push(size);
    }
    batches
}

fn link(seed: u64, number: usize, draws: &mut Draws, fates: &Fates) -> ExpectedLink {
    let is_repeated = number > 0 && draws.one_in(ONE_REPEATED_IN);
    let named = if is_repeated { draws.below(number as u64) as usize } else { number };
    let video_id = Draws::new(seed, &["chaos", "video", &named.to_string()]).id_text(11);
    let link = match draws.below(3) {
        0 => format!("https://youtu.be/{video_id}"),
        1 => format!("https://www.youtube.com/watch?v={video_id}&t={number}s"),
        _ => format!("https://www.youtube.com/watch?v={video_id}"),
    };
    fates.link(link, video_id)
}

/// What a person at a console may type, each value once: links in every form that is taken, and
/// rubbish.
fn by_hand(seed: u64, links: usize, span: Duration, fates: &Fates) -> Vec<PlannedRecord> {
    let count = (links / LINKS_PER_RECORD_BY_HAND).max(MIN_RECORDS_BY_HAND);
    let pace = span.div_f64(count as f64);
    let record = |number: usize| {
        let mut letter = 'a';
        let mut link = || {
            let name = format!("{number}{letter}");
            letter = 'b';
            let video_id = Draws::new(seed, &["chaos", "by hand", &name]).id_text(11);
            fates.link(format!("https://www.youtube.com/watch?v={video_id}"), video_id)
        };
        let (value, links) = match number % 6 {
            0 => (format!("this is rubbish {number}").into_bytes(), Vec::new()),
            1 => (
                vec![
                    0xff,
                    0xfe,
                    b'0' + (number % 10) as u8,
                    (number / 10 % 200) as u8,
                    (number / 2_000) as u8,
                ],
                Vec::new(),
            ),
            2 => {
                let one = link();
                (format!(r#"{{"links":"{}","note":"by hand"}}"#, one.link).into_bytes(), vec![one])
            }
            3 => {
                let (one, other) = (link(), link());
                (
                    format!(r#"{{"links":["{}","{}"]}}"#, one.link, other.link).into_bytes(),
                    vec![one, other],
                )
            }
            4 => {
                let one = link();
                (format!("{}\r", one.link).into_bytes(), vec![one])
            }
            _ => {
                let one = link();
                let none = format!("https://example.com/{seed}/{number}");
                let value = format!(r#"{{"links":["{}","{none}"]}}"#, one.link).into_bytes();
                (value, vec![one, ExpectedLink { link: none, video_id: None, fate: Fate::Failed }])
            }
        };
        PlannedRecord { at: pace.mul_f64(number as f64), record: RecordByHand { value, links } }
    };
    (0..count).map(record).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use linkrelay_fake_youtube::pages::is_video_id;

    const SPAN: Duration = Duration::from_secs(60);
    const FAULT: Duration = Duration::from_secs(20);

    fn plan(seed: u64, links: usize) -> Load {
        Load::plan(seed, links, SPAN, &[FAULT])
    }

    #[test]
    fn a_seed_gives_its_load_for_ever_and_all_links_of_it() {
        let load = plan(3, 5_000);
        assert_eq!(load, plan(3, 5_000));
        assert_ne!(load.requests, plan(4, 5_000).requests);
        let links: Vec<&ExpectedLink> =
            load.requests.iter().flat_map(|request| &request.links).collect();
        assert_eq!(links.len(), 5_000);
        let videos: BTreeSet<&str> =
            links.iter().filter_map(|link| link.video_id.as_deref()).collect();
        assert!((4_700..4_980).contains(&videos.len()), "{}", videos.len());
        assert!(videos.iter().all(|id| is_video_id(id)));
    }

    #[test]
    fn requests_are_spread_over_the_span_with_a_burst_before_each_fault_and_some_are_sent_again() {
        let load = plan(3, 5_000);
        assert!(load.requests.is_sorted_by_key(|request| request.at));
        let last = load.requests.last().unwrap().at;
        assert!(SPAN.mul_f64(0.9) < last && last < SPAN, "{last:?}");
        assert!(load.requests.iter().any(|request| request.is_sent_again));
        let lead = FAULT - BURST_LEAD;
        let before_the_fault =
            |request: &&PlannedRequest| lead <= request.at && request.at <= FAULT;
        let burst = load.requests.iter().filter(before_the_fault).count();
        assert!(burst > load.requests.len() / 2, "{burst}");
        let keys: BTreeSet<&str> =
            load.requests.iter().map(|request| request.key.as_str()).collect();
        assert_eq!(keys.len(), load.requests.len());
    }

    #[test]
    fn no_two_records_by_hand_are_the_same() {
        for links in [100, 5_000, 200_000] {
            let records = plan(3, links).by_hand;
            let values: BTreeSet<&[u8]> =
                records.iter().map(|planned| planned.record.value.as_slice()).collect();
            assert_eq!(values.len(), records.len());
            assert!(records.iter().filter(|planned| planned.record.links.is_empty()).count() >= 8);
        }
    }
}
