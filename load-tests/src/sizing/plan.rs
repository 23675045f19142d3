//! What a number of links a day needs, by arithmetic from what one link costs; every assumption is
//! a constant here, and a line of docs/SIZING.md.

use super::costs::{Costs, PathCosts};
use crate::stats::grouped;

const LINKS_A_DAY: [u32; 3] = [1_000, 100_000, 10_000_000];
/// The busiest second has this many times the links of a mean one.
const PEAK: f64 = 4.0;
/// How long YouTube takes to answer; a serial consumer needed 1.2 s a link.
const ANSWER_SECONDS: f64 = 1.0;
/// MAX_IN_FLIGHT, of each consumer.
const IN_FLIGHT: f64 = 64.0;
/// How much of a processor is planned with.
const PROCESSOR_SHARE: f64 = 0.6;
/// What one address may ask, a second. YouTube publishes no limit: this one is a guess.
const REQUESTS_OF_AN_ADDRESS: f64 = 1.0;
/// 10,000 units a day and key, one for a call of 50 ids.
const LINKS_OF_A_KEY: f64 = 500_000.0;
const KAFKA_DAYS: f64 = 7.0;
const KAFKA_COPIES: f64 = 3.0;
/// Documents a second of one MongoDB: SecantusDB's rate, in load-tests/README.md.
const DOCUMENTS_OF_A_STORE: f64 = 1_347.0;
const SECONDS_A_DAY: f64 = 86_400.0;

/// What is needed for a number of links a day.
#[derive(Debug, PartialEq)]
struct Plan {
    links_a_day: u32,
    peak: f64,
    in_flight: f64,
    producer_cpus: f64,
    consumer_cpus: f64,
    consumers: u32,
    partitions: u32,
    addresses: u32,
    keys: u32,
    kafka_bytes: f64,
    bson_bytes_a_year: f64,
    sqlite_bytes_a_year: f64,
    binds: Bound,
}

/// How much of one unit (an address, a consumer, a store) the peak takes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bound {
    what: &'static str,
    units: f64,
}

impl Plan {
    fn of(costs: &Costs, links_a_day: u32) -> Self {
        let Costs { alone: PathCosts { producer_cpu_ms, consumer_cpu_ms, kafka_bytes }, .. } =
            costs;
        let daily = f64::from(links_a_day);
        let peak = daily / SECONDS_A_DAY * PEAK;
        let in_flight = peak * ANSWER_SECONDS;
        let consumer_cpus = peak * consumer_cpu_ms / 1e3;
        let consumers = count((in_flight / IN_FLIGHT).max(consumer_cpus / PROCESSOR_SHARE));
        let bounds = [
            Bound { what: "YouTube, per address", units: peak / REQUESTS_OF_AN_ADDRESS },
            Bound { what: "links in flight, per consumer", units: in_flight / IN_FLIGHT },
            Bound { what: "a consumer's processor", units: consumer_cpus / PROCESSOR_SHARE },
            Bound { what: "writes, per store", units: peak / DOCUMENTS_OF_A_STORE },
        ];
        let binds = bounds.into_iter().max_by(|a, b| a.units.total_cmp(&b.units));
        Self {
            links_a_day,
            peak,
            in_flight,
            producer_cpus: peak * producer_cpu_ms / 1e3,
            consumer_cpus,
            consumers,
            // One more than consumers, so that one can be added, in the steps of the default.
            partitions: (consumers + 1).next_multiple_of(6),
            addresses: count(peak * costs.requests_to_youtube / REQUESTS_OF_AN_ADDRESS),
            keys: count(daily / LINKS_OF_A_KEY),
            kafka_bytes: daily * kafka_bytes * KAFKA_DAYS * KAFKA_COPIES,
            bson_bytes_a_year: daily * costs.bson_bytes * 365.0,
            sqlite_bytes_a_year: daily * costs.sqlite_bytes * 365.0,
            binds: binds.unwrap_or(bounds[0]),
        }
    }
}

/// Returns how many are needed: at least one.
fn count(needed: f64) -> u32 {
    (needed.ceil() as u32).max(1)
}

/// Returns what one link costs, as a table of Markdown.
pub(super) fn cost_table(costs: &Costs) -> String {
    let rows: [(&str, String, String); 3] = [
        (
            "producer's processor, ms",
            ms(costs.alone.producer_cpu_ms),
            ms(costs.of_a_hundred.producer_cpu_ms),
        ),
        (
            "consumer's processor, ms",
            ms(costs.alone.consumer_cpu_ms),
            ms(costs.of_a_hundred.consumer_cpu_ms),
        ),
        (
            "bytes in Kafka, one copy",
            whole(costs.alone.kafka_bytes),
            whole(costs.of_a_hundred.kafka_bytes),
        ),
    ];
    let mut table = vec![
        "| a link costs | in a request of its own | in a request of 100 |".to_owned(),
        "|---|---:|---:|".to_owned(),
    ];
    table.extend(
        rows.map(|(what, alone, of_a_hundred)| format!("| {what} | {alone} | {of_a_hundred} |")),
    );
    let both = [
        ("bytes of BSON in MongoDB, without indexes and compression", whole(costs.bson_bytes)),
        ("bytes in a SQLite file, indexes included", whole(costs.sqlite_bytes)),
        ("requests to YouTube, no video twice", format!("{:.2}", costs.requests_to_youtube)),
        ("most memory of the consumer, MiB", whole(costs.consumer_mib)),
        ("most memory of the producer, MiB", whole(costs.producer_mib)),
    ];
    table.extend(both.map(|(what, value)| format!("| {what} | {value} | {value} |")));
    table.join("\n") + "\n"
}

/// Returns what numbers of links a day need, as a table of Markdown.
pub(super) fn plan_table(costs: &Costs) -> String {
    let plans = LINKS_A_DAY.map(|links_a_day| Plan::of(costs, links_a_day));
    let row = |what: &str, value: &dyn Fn(&Plan) -> String| {
        let values: Vec<String> = plans.iter().map(value).collect();
        format!("| {what} | {} |", values.join(" | "))
    };
    let rows = [
        row("links a day", &|plan| grouped(plan.links_a_day as usize)),
        "|---|---:|---:|---:|".to_owned(),
        row("links a second, at the peak", &|plan| format!("{:.2}", plan.peak)),
        row("links in flight, at the peak", &|plan| format!("{:.1}", plan.in_flight)),
        row("producer, processors", &|plan| format!("{:.3}", plan.producer_cpus)),
        row("consumers, processors", &|plan| format!("{:.3}", plan.consumer_cpus)),
        row("consumers", &|plan| plan.consumers.to_string()),
        row("partitions", &|plan| plan.partitions.to_string()),
        row("addresses, without a key", &|plan| plan.addresses.to_string()),
        row("keys of the Data API instead", &|plan| plan.keys.to_string()),
        row("Kafka's disks", &|plan| size(plan.kafka_bytes)),
        row("MongoDB, BSON a year", &|plan| size(plan.bson_bytes_a_year)),
        row("or SQLite, a year", &|plan| size(plan.sqlite_bytes_a_year)),
        row("what binds first", &|plan| {
            format!("{} ({:.2} units)", plan.binds.what, plan.binds.units)
        }),
    ];
    rows.join("\n") + "\n"
}

fn ms(value: f64) -> String {
    format!("{value:.2}")
}

fn whole(value: f64) -> String {
    grouped(value.round() as usize)
}

/// Returns a size with a decimal unit, as disks are sold.
fn size(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (bytes, 0);
    while value >= 1_000.0 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    fn costs() -> Costs {
        let alone = PathCosts { producer_cpu_ms: 0.1, consumer_cpu_ms: 2.0, kafka_bytes: 300.0 };
        Costs {
            page_bytes: 1_000_000,
            links: 10,
            of_a_hundred: alone.clone(),
            alone,
            consumer_mib: 100.0,
            producer_mib: 20.0,
            bson_bytes: 3_000.0,
            sqlite_bytes: 4_000.0,
            requests_to_youtube: 1.0,
        }
    }

    #[test]
    fn a_plan_has_one_of_everything_and_grows_with_the_links() {
        let [few, some, many] = LINKS_A_DAY.map(|links_a_day| Plan::of(&costs(), links_a_day));
        assert_eq!((few.consumers, few.partitions, few.addresses, few.keys), (1, 6, 1, 1));
        assert_eq!((some.consumers, some.addresses, some.keys), (1, 5, 1));
        // 463 links a second of 1 s each, 64 in flight in a consumer.
        assert_eq!((many.consumers, many.partitions, many.addresses, many.keys), (8, 12, 463, 20));
        assert_eq!(many.binds.what, "YouTube, per address");
    }

    #[test]
    fn more_processor_time_needs_more_consumers() {
        let mut slow = costs();
        slow.alone.consumer_cpu_ms = 20.0;
        assert_eq!(Plan::of(&slow, 10_000_000).consumers, 16);
    }

    /// The tables in the page are those of the file that it names.
    #[test]
    fn the_page_has_the_tables_of_the_measurement() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let results = fs::read_to_string(folder.join("results/sizing.jsonl")).unwrap();
        let page = fs::read_to_string(folder.join("../docs/SIZING.md")).unwrap();
        let mut count = 0;
        for line in results.lines() {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let details = line["rounds"][0]["details"].take();
            let costs: Costs = serde_json::from_value(details).unwrap();
            assert!(page.contains(&cost_table(&costs)), "{}", cost_table(&costs));
            count += 1;
            if costs.page_bytes > 0 {
                assert!(page.contains(&plan_table(&costs)), "{}", plan_table(&costs));
            }
        }
        assert_eq!(count, 2);
    }
}
