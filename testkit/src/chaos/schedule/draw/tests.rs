use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const SERVERS: [Target; 6] = [
    Target::Producer,
    Target::Consumer(0),
    Target::Consumer(1),
    Target::Consumer(2),
    Target::Kafka(Part::All),
    Target::Store,
];

fn draw(seed: u64, span_seconds: u64) -> Schedule {
    Schedule::draw(seed, Duration::from_secs(span_seconds), Brokers::One)
}

fn draw_for_a_cluster(seed: u64, span_seconds: u64) -> Schedule {
    Schedule::draw(seed, Duration::from_secs(span_seconds), Brokers::Three)
}

/// Takes a server through its steps; returns whether it runs at the end, or the first error.
fn walk(schedule: &Schedule, server: Target) -> Result<bool, String> {
    #[derive(Debug, PartialEq)]
    enum State {
        Runs,
        IsDown,
        IsFrozen,
    }
    let is_late_consumer = matches!(server, Target::Consumer(number) if number > 0);
    let mut state = if is_late_consumer { State::IsDown } else { State::Runs };
    let mut last = Duration::ZERO;
    for (at, act, _) in schedule.steps(server) {
        if at < last {
            return Err(format!("{server} goes back in time: {act} at {at:?}"));
        }
        last = at;
        state = match (&state, act) {
            (State::Runs, Act::Kill | Act::Stop) => State::IsDown,
            (State::Runs, Act::Freeze) => State::IsFrozen,
            (State::IsDown, Act::Start) | (State::IsFrozen, Act::Thaw) => State::Runs,
            _ => return Err(format!("{server} {state:?} cannot {act} at {at:?}")),
        };
    }
    if state == State::IsFrozen {
        return Err(format!("{server} is frozen at the end"));
    }
    Ok(state == State::Runs)
}

fn retired_at_the_end(schedule: &Schedule) -> BTreeSet<Target> {
    let mut retired: BTreeSet<Target> = (1..CONSUMERS).map(Target::Consumer).collect();
    for Fault { act, targets, .. } in schedule.faults.iter().filter(|fault| fault.until.is_none()) {
        match act {
            Act::Start => retired.retain(|target| !targets.contains(target)),
            Act::Stop => retired.extend(targets),
            _ => {}
        }
    }
    retired
}

proptest! {
    #[test]
    fn every_fault_ends_in_order_and_within_the_span(seed: u64, span in 45_u64..700, is_cluster: bool) {
        let schedule =
            if is_cluster { draw_for_a_cluster(seed, span.max(180)) } else { draw(seed, span) };
        let retired = retired_at_the_end(&schedule);
        prop_assert_eq!(retired.len(), 1, "it ends with two consumers");
        for server in SERVERS {
            let runs = walk(&schedule, server).map_err(TestCaseError::fail)?;
            prop_assert_eq!(runs, !retired.contains(&server), "{}", server);
        }
        for fault in &schedule.faults {
            prop_assert!(fault.at <= schedule.span, "{}", fault);
            if let Some(until) = fault.until {
                prop_assert!(fault.at + SHORTEST <= until && until <= schedule.span, "{}", fault);
            }
        }
    }

    #[test]
    fn a_consumer_is_frozen_for_longer_than_its_session(seed: u64, span in 45_u64..700) {
        for fault in draw(seed, span).faults {
            if fault.label() == "freeze consumer" {
                prop_assert!(fault.until.unwrap() - fault.at > SESSION_TIMEOUT);
            }
        }
    }

    #[test]
    fn every_kind_of_fault_comes_in_every_round(seed: u64, rounds in 1_usize..5) {
        let schedule = draw(seed, 60 * rounds as u64);
        for label in [
            "kill producer", "stop producer", "kill broker", "freeze broker", "kill store", "freeze store", "kill consumer",
            "stop consumer", "freeze consumer", "scale up", "scale down", "add partitions",
        ] {
            let count = schedule.faults.iter().filter(|fault| fault.label() == label).count();
            prop_assert!(count >= rounds, "{} {} times: {:#?}", label, count, schedule.faults);
        }
    }

    #[test]
    fn every_part_of_a_cluster_is_hit_in_every_round_and_no_two_at_once(seed: u64, rounds in 1_usize..4) {
        let schedule = draw_for_a_cluster(seed, 180 * rounds as u64);
        let is_hit = |fault: &&Fault| matches!(fault.targets[0], Target::Kafka(_));
        let hits: Vec<&Fault> = schedule.faults.iter().filter(is_hit).collect();
        for part in PARTS {
            let is_kill = |fault: &&&Fault| {
                fault.act == Act::Kill && fault.targets == [Target::Kafka(part)]
            };
            let count = hits.iter().filter(is_kill).count();
            prop_assert!(count >= rounds, "{:?} {} times: {:#?}", part, count, hits);
        }
        prop_assert!(hits.is_sorted_by(|one, next| one.until.unwrap() < next.at), "{:#?}", hits);
    }

    #[test]
    fn a_topic_only_grows(seed: u64, span in 45_u64..3_600) {
        let count = |(at, act, _): (Duration, Act, Target)| match act {
            Act::Grow(count) => Some((at, count)),
            _ => None,
        };
        let growths = draw(seed, span).steps(Target::Topic).into_iter().map(count);
        let growths: Vec<(Duration, i32)> = growths.collect::<Option<_>>().unwrap();
        prop_assert!(growths.iter().all(|(_, count)| (4..=MAX_PARTITIONS).contains(count)));
        prop_assert!(growths.is_sorted_by(|(at, count), (later, more)| at <= later && count < more));
    }
}

#[test]
fn a_seed_always_gives_the_same_schedule() {
    let schedule = draw(1, 60);
    assert_eq!(schedule, draw(1, 60));
    assert_ne!(schedule.faults, draw(2, 60).faults);
    let first = schedule.faults[0].to_string();
    // A seed from a report must mean the same in the next release.
    assert!(first.ends_with("start consumers [1, 2]"), "{first}");
}
