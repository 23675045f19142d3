//! Which links are sent, in which requests and when, and what each must become: all of it follows
//! from the seed.

use std::time::Duration;

use linkrelay_fake_youtube::pages::Draws;
use linkrelay_fake_youtube::{Failure, chosen_by_rate};

use super::settings::{RATES, TRANSIENT_ATTEMPTS};

/// The most links in one request.
const MAX_BATCH: u64 = 16;
/// One link in 40 is to a video that was sent before.
const ONE_REPEATED_IN: u64 = 40;
/// One request in 25 is sent again after its 201, as by a client that lost the answer.
const ONE_SENT_AGAIN_IN: u64 = 25;
/// There is one record by hand for each 60 links.
const LINKS_PER_RECORD_BY_HAND: usize = 60;
const MIN_RECORDS_BY_HAND: usize = 24;
/// The load ends a little before the schedule, so that the last faults hit only what is left.
const LOAD_PART: f64 = 0.95;
/// A burst of requests comes up to this long before each fault, which then hits a queue of work.
const BURST_LEAD: Duration = Duration::from_millis(1_500);

/// A link, and what its document must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) link: String,
    /// The video that it names; `None` if it names none.
    pub(super) video_id: Option<String>,
    /// Whether there is metadata; otherwise the document is a failed one.
    pub(super) is_stored: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedRequest {
    /// When it is sent first.
    pub(super) at: Duration,
    /// Its Idempotency-Key.
    pub(super) key: String,
    pub(super) links: Vec<Link>,
    pub(super) is_sent_again: bool,
}

/// A record that is published directly to the topic, as with the console producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedRecord {
    pub(super) at: Duration,
    /// No other record has the same.
    pub(super) value: Vec<u8>,
    /// None if the value is malformed.
    pub(super) links: Vec<Link>,
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
        let span = span.mul_f64(LOAD_PART);
        let batches = batches(seed, links);
        let moments = moments(seed, batches.len(), span, faults);
        let mut draws = Draws::new(seed, &["chaos", "load"]);
        let mut sent_before = 0;
        let requests = batches.into_iter().zip(moments).enumerate().map(|(index, (size, at))| {
            let numbers = sent_before..sent_before + size;
            sent_before += size;
            PlannedRequest {
                at,
                key: format!("chaos-{seed}-{index}"),
                links: numbers.map(|number| link(seed, number, &mut draws)).collect(),
                is_sent_again: draws.one_in(ONE_SENT_AGAIN_IN),
            }
        });
        Self { requests: requests.collect(), by_hand: by_hand(seed, links, span) }
    }
}

/// When requests are sent, in order.
fn moments(seed: u64, count: usize, span: Duration, faults: &[Duration]) -> Vec<Duration> {
    let mut draws = Draws::new(seed, &["chaos", "moments"]);
    let pace = span.div_f64(count.max(1) as f64);
    let mut moments: Vec<Duration> = (0..count)
        .map(|index| match faults.get(index / 2 % faults.len().max(1)) {
            Some(fault) if index % 2 == 1 => {
                fault.saturating_sub(BURST_LEAD.mul_f64(draws.fraction())).min(span)
            }
            _ => pace.mul_f64(index as f64),
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

fn link(seed: u64, number: usize, draws: &mut Draws) -> Link {
    let is_repeated = number > 0 && draws.one_in(ONE_REPEATED_IN);
    let named = if is_repeated { draws.below(number as u64) as usize } else { number };
    let video_id = Draws::new(seed, &["chaos", "video", &named.to_string()]).id_text(11);
    let link = match draws.below(3) {
        0 => format!("https://youtu.be/{video_id}"),
        1 => format!("https://www.youtube.com/watch?v={video_id}&t={number}s"),
        _ => format!("https://www.youtube.com/watch?v={video_id}"),
    };
    to_video(seed, link, video_id)
}

fn to_video(seed: u64, link: String, video_id: String) -> Link {
    let is_stored = failure(seed, &video_id).is_none_or(Failure::is_transient);
    Link { link, video_id: Some(video_id), is_stored }
}

/// How the fake YouTube will fail for this video; the same choice as its own.
fn failure(seed: u64, video_id: &str) -> Option<Failure> {
    chosen_by_rate(seed, &RATES, video_id)
}

/// How many requests for this video fail before it recovers.
pub(super) fn failing_requests(seed: u64, video_id: &str) -> u64 {
    let is_transient = failure(seed, video_id).is_some_and(Failure::is_transient);
    if is_transient { u64::from(TRANSIENT_ATTEMPTS) } else { 0 }
}

/// Records like those of a user at a console, each value once: links in every form that linkrelay
/// reads, and malformed records.
fn by_hand(seed: u64, links: usize, span: Duration) -> Vec<PlannedRecord> {
    let count = (links / LINKS_PER_RECORD_BY_HAND).max(MIN_RECORDS_BY_HAND);
    let pace = span.div_f64(count as f64);
    let record = |number: usize| {
        let (value, links) = by_hand_value(seed, number);
        PlannedRecord { at: pace.mul_f64(number as f64), value, links }
    };
    (0..count).map(record).collect()
}

fn by_hand_value(seed: u64, number: usize) -> (Vec<u8>, Vec<Link>) {
    let link = |letter: char| {
        let name = format!("{number}{letter}");
        let video_id = Draws::new(seed, &["chaos", "by hand", &name]).id_text(11);
        to_video(seed, format!("https://www.youtube.com/watch?v={video_id}"), video_id)
    };
    let (one, other) = (link('a'), link('b'));
    let (text, links) = match number % 6 {
        0 => (format!("this is rubbish {number}"), Vec::new()),
        1 => {
            // Not UTF-8, and a number in bytes that are none of JSON's.
            let digits = [b'0' + (number % 10) as u8, (number / 10 % 200) as u8];
            return ([&[0xff, 0xfe], &digits[..], &[(number / 2_000) as u8]].concat(), Vec::new());
        }
        2 => (format!(r#"{{"links":"{}","note":"by hand"}}"#, one.link), vec![one]),
        3 => (format!(r#"{{"links":["{}","{}"]}}"#, one.link, other.link), vec![one, other]),
        4 => (format!("{}\r", one.link), vec![one]),
        _ => {
            let link = format!("https://example.com/{seed}/{number}");
            let text = format!(r#"{{"links":["{}","{link}"]}}"#, one.link);
            (text, vec![one, Link { link, video_id: None, is_stored: false }])
        }
    };
    (text.into_bytes(), links)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use linkrelay_fake_youtube::pages::{id_from_name, is_video_id};

    use super::*;

    const SPAN: Duration = Duration::from_secs(60);
    const FAULT: Duration = Duration::from_secs(20);

    fn plan(seed: u64, links: usize) -> Load {
        Load::plan(seed, links, SPAN, &[FAULT])
    }

    #[test]
    fn a_seed_always_gives_the_same_load_with_all_its_links() {
        let load = plan(3, 5_000);
        assert_eq!(load, plan(3, 5_000));
        assert_ne!(load.requests, plan(4, 5_000).requests);
        let links: Vec<&Link> = load.requests.iter().flat_map(|request| &request.links).collect();
        assert_eq!(links.len(), 5_000);
        let videos: BTreeSet<&str> =
            links.iter().filter_map(|link| link.video_id.as_deref()).collect();
        assert!((4_700..4_980).contains(&videos.len()), "{}", videos.len());
        assert!(videos.iter().all(|id| is_video_id(id)));
    }

    #[test]
    fn a_few_percent_of_all_links_are_expected_to_fail() {
        let links: Vec<Link> = (0..10_000)
            .map(|number| to_video(5, String::new(), id_from_name(&number.to_string())))
            .collect();
        let failed: Vec<&Link> = links.iter().filter(|link| !link.is_stored).collect();
        assert!((200..400).contains(&failed.len()), "{}", failed.len());
        let retried = links.iter().filter_map(|link| link.video_id.as_deref());
        let retried = retried.filter(|id| failing_requests(5, id) > 0).count();
        assert!((350..650).contains(&retried), "{retried}");
        let a_failed_one = failed[0].video_id.as_deref().unwrap();
        assert_eq!(failing_requests(5, a_failed_one), 0, "it never recovers");
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
                records.iter().map(|planned| planned.value.as_slice()).collect();
            assert_eq!(values.len(), records.len());
            assert!(records.iter().filter(|planned| planned.links.is_empty()).count() >= 8);
        }
    }
}
