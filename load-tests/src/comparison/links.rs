//! Which links are sent. The same rules as in `scenarios/processor.js`.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::scenario::Variables;

/// Links that no document can come of: no address, not YouTube, not a video.
const BAD_LINKS: [&str; 3] = [
    "not a link",
    "https://example.com/watch?v=5fR9AHlSDtc",
    "https://www.youtube.com/watch?v=short",
];

/// Makes up the links of one run.
#[derive(Debug)]
pub struct Links {
    /// One link for all.
    fixed: Option<String>,
    variables: Variables,
    /// Five characters of the ids of this run's videos, so that no cache knows them.
    run: String,
    total: AtomicUsize,
}

impl Links {
    /// Links of a run that nobody has seen before, or `fixed` again and again.
    pub fn new(variables: Variables, fixed: Option<String>) -> Self {
        let run = linkrelay_testkit::tools::fresh_name("").chars().rev().take(5).collect();
        Self { fixed, variables, run, total: AtomicUsize::new(0) }
    }

    /// The links of the next request.
    pub fn next_request(&self) -> Vec<String> {
        let count = self.variables.links_per_request;
        let first = self.total.fetch_add(count, Ordering::Relaxed);
        (first..first + count).map(|number| self.link(number)).collect()
    }

    fn link(&self, number: usize) -> String {
        if number * 37 % 100 < self.variables.bad_percent {
            return BAD_LINKS[number % BAD_LINKS.len()].to_owned();
        }
        let distinct = || format!("https://www.youtube.com/watch?v=L{}{number:05}", self.run);
        self.fixed.clone().unwrap_or_else(distinct)
    }
}

/// The body of a request with these links: one is sent as it is, several as a list.
pub fn body(links: &[String]) -> String {
    match links {
        [link] => serde_json::json!({ "links": link }).to_string(),
        links => serde_json::json!({ "links": links }).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use linkrelay_common::parse_link;
    use linkrelay_kafka::LinkMessage;

    use super::*;

    fn links(links_per_request: usize, bad_percent: usize, fixed: Option<&str>) -> Links {
        Links::new(Variables { links_per_request, bad_percent }, fixed.map(str::to_owned))
    }

    #[test]
    fn links_are_to_videos_of_their_own_in_every_run() {
        let runs = [links(100, 0, None), links(100, 0, None)];
        let all: Vec<String> =
            runs.iter().flat_map(|run| (0..5).flat_map(|_| run.next_request())).collect();
        let ids: BTreeSet<_> =
            all.iter().map(|link| parse_link(link).unwrap().to_string()).collect();
        assert_eq!(ids.len(), 1_000);
    }

    #[test]
    fn the_asked_for_part_of_all_links_is_bad() {
        let links = links(500, 20, None).next_request();
        assert_eq!(links.iter().filter(|link| parse_link(link).is_err()).count(), 100);
    }

    #[test]
    fn a_fixed_link_is_sent_again_and_again() {
        let fixed = "https://www.youtube.com/watch?v=5fR9AHlSDtc";
        assert_eq!(links(2, 0, Some(fixed)).next_request(), [fixed, fixed]);
    }

    #[test]
    fn a_body_is_what_the_producer_reads() {
        for count in [1, 3] {
            let links = links(count, 0, None).next_request();
            assert_eq!(LinkMessage::decode(body(&links).as_bytes()).unwrap().links, links);
        }
        assert!(body(&links(1, 0, None).next_request()).contains(r#""links":"https"#));
    }
}
