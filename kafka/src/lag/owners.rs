//! Which member of a group has which partition, from what the broker says of the group.
//!
//! A broker tells it of groups of the classic protocol, in the form that consumers have agreed on
//! (`ConsumerProtocolAssignment`); of groups of KIP-848 it tells nothing to the request that
//! librdkafka has.

use std::collections::BTreeMap;

use rdkafka::groups::GroupList;

/// Returns the owner of each partition of a topic.
pub(super) fn of(list: &GroupList, topic: &str) -> BTreeMap<i32, String> {
    let members = list.groups().iter().flat_map(|group| group.members());
    let owned = members.flat_map(|member| {
        let numbers = partitions(member.assignment().unwrap_or_default(), topic);
        let owner = format!("{} at {}", member.id(), member.client_host().trim_start_matches('/'));
        numbers.unwrap_or_default().into_iter().map(move |number| (number, owner.clone()))
    });
    owned.collect()
}

/// Reads the partitions of one topic in an assignment; `None` if it is malformed.
fn partitions(assignment: &[u8], topic: &str) -> Option<Vec<i32>> {
    let mut rest = assignment;
    let _version = take(&mut rest, 2)?;
    let mut found = Vec::new();
    for _ in 0..number(&mut rest)? {
        let length = u16::from_be_bytes(take(&mut rest, 2)?.try_into().ok()?);
        let name = take(&mut rest, usize::from(length))?;
        for _ in 0..number(&mut rest)? {
            let partition = number(&mut rest)?;
            if name == topic.as_bytes() {
                found.push(partition);
            }
        }
    }
    Some(found)
}

fn number(rest: &mut &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(take(rest, 4)?.try_into().ok()?))
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Version 1; topic `ab` with the partitions 0 and 7, topic `c` with 1; no user data.
    const ASSIGNMENT: &[u8] = &[
        0, 1, 0, 0, 0, 2, 0, 2, b'a', b'b', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7, 0, 1, b'c', 0, 0,
        0, 1, 0, 0, 0, 1, 255, 255, 255, 255,
    ];

    #[test]
    fn the_partitions_of_the_topic_are_found() {
        assert_eq!(partitions(ASSIGNMENT, "ab"), Some(vec![0, 7]));
        assert_eq!(partitions(ASSIGNMENT, "c"), Some(vec![1]));
        assert_eq!(partitions(ASSIGNMENT, "a"), Some(vec![]));
        for end in 0..ASSIGNMENT.len() - 4 {
            assert_eq!(partitions(&ASSIGNMENT[..end], "ab"), None, "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn no_assignment_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            partitions(&bytes, "ab");
        }
    }
}
