//! Which links are sent.

use super::scenario::LoadPlan;

/// Links that cannot lead to a document: not an address, not YouTube, not a video.
const BAD_LINKS: [&str; 3] = [
    "not a link",
    "https://example.com/watch?v=5fR9AHlSDtc",
    "https://www.youtube.com/watch?v=short",
];

/// Returns the links of each request of one run. Each link is to a video of its own, which no
/// cache knows, unless there is one link for all.
pub(crate) fn links(
    plan: &LoadPlan,
    requests_count: usize,
    one_for_all: Option<&str>,
) -> Vec<Vec<String>> {
    let run = linkrelay_testkit::tools::fresh_name("");
    let run = &run[run.len() - 5..];
    let link = |number: usize| {
        if number * 37 % 100 < plan.bad_percent {
            return BAD_LINKS[number % BAD_LINKS.len()].to_owned();
        }
        let distinct = || format!("https://www.youtube.com/watch?v=L{run}{number:05}");
        one_for_all.map_or_else(distinct, str::to_owned)
    };
    let numbers: Vec<usize> = (0..requests_count * plan.links_per_request).collect();
    let requests = numbers.chunks(plan.links_per_request);
    requests.map(|numbers| numbers.iter().map(|number| link(*number)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use linkrelay_common::parse_link;

    use super::*;

    fn plan(links_per_request: usize, bad_percent: usize) -> LoadPlan {
        LoadPlan { phases: Vec::new(), links_per_request, bad_percent }
    }

    #[test]
    fn links_are_to_videos_of_their_own_in_every_run() {
        let runs = [links(&plan(100, 0), 5, None), links(&plan(100, 0), 5, None)];
        assert!(runs.iter().flatten().all(|request| request.len() == 100));
        let ids: BTreeSet<String> = runs
            .iter()
            .flatten()
            .flatten()
            .map(|link| parse_link(link).unwrap().to_string())
            .collect();
        assert_eq!(ids.len(), 1_000);
    }

    #[test]
    fn the_asked_for_part_of_all_links_is_bad() {
        let links = links(&plan(500, 20), 1, None);
        let bad = links.iter().flatten().filter(|link| parse_link(link).is_err());
        assert_eq!(bad.count(), 100);
    }

    #[test]
    fn one_link_for_all_is_sent_again_and_again() {
        let one = "https://www.youtube.com/watch?v=5fR9AHlSDtc";
        assert_eq!(links(&plan(2, 0), 2, Some(one)), vec![vec![one; 2]; 2]);
    }
}
