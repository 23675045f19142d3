//! How many slots of one kind each client holds, and the most that one client may hold.
//!
//! Only clients that hold a slot have an entry, so there are never more entries than slots.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::id::ClientId;
use super::refusal::{Limit, Refusal};

/// After this time a slot may be free again.
const RETRY_AFTER_SECONDS: u64 = 1;

/// Returns the share of `total` slots that one client may hold: at least one.
pub fn share_of(total: usize, percent: u8) -> usize {
    let share = (total as u128 * u128::from(percent)).div_ceil(100);
    usize::try_from(share).unwrap_or(usize::MAX).max(1)
}

/// The slots of one kind that clients hold.
#[derive(Debug)]
pub struct Shares {
    limit: &'static Limit,
    max: usize,
    held: Mutex<HashMap<ClientId, NonZeroUsize>>,
}

impl Shares {
    /// Allows each client this number of slots.
    pub fn new(limit: &'static Limit, max: usize) -> Arc<Self> {
        Arc::new(Self { limit, max, held: Mutex::default() })
    }

    /// Takes a slot, which is free again when the result is dropped.
    ///
    /// # Errors
    /// [`Refusal`] if the client holds as many as it may.
    pub(super) fn take(self: &Arc<Self>, client: &ClientId) -> Result<Share, Refusal> {
        match self.held().entry(client.clone()) {
            Entry::Occupied(mut held) if held.get().get() < self.max => {
                let more = held.get().saturating_add(1);
                held.insert(more);
            }
            Entry::Vacant(vacant) if self.max > 0 => {
                vacant.insert(NonZeroUsize::MIN);
            }
            Entry::Occupied(_) | Entry::Vacant(_) => {
                return Err(Refusal::new(self.limit, self.max as u64, RETRY_AFTER_SECONDS));
            }
        }
        Ok(Share { shares: Arc::clone(self), client: client.clone() })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<ClientId, NonZeroUsize>> {
        // Every change is one operation of the map, so a panic leaves no half of one.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot that a client holds.
#[derive(Debug)]
pub struct Share {
    shares: Arc<Shares>,
    client: ClientId,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.held();
        let Some(count) = held.get_mut(&self.client) else { return };
        match NonZeroUsize::new(count.get() - 1) {
            Some(fewer) => *count = fewer,
            None => {
                held.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::super::refusal::BODIES;
    use super::*;

    #[test]
    fn a_share_is_at_least_one_slot() {
        for (total, percent, share) in
            [(1_000, 50, 500), (4, 50, 2), (3, 50, 2), (1, 1, 1), (500, 100, 500), (0, 50, 1)]
        {
            assert_eq!(share_of(total, percent), share, "{percent} % of {total}");
        }
    }

    proptest! {
        /// Takes (even) and drops (odd), of four clients, against a model that counts.
        #[test]
        fn no_client_holds_more_than_its_share(steps in proptest::collection::vec(0_u8..8, 0..200)) {
            let shares = Shares::new(&BODIES, 3);
            let mut model: [Vec<Share>; 4] = Default::default();
            for step in steps {
                let client = ClientId::V4(Ipv4Addr::from([127, 0, 0, step / 2]));
                let held = &mut model[usize::from(step / 2)];
                if step % 2 == 1 {
                    held.pop();
                } else {
                    match shares.take(&client) {
                        Ok(share) => held.push(share),
                        Err(refusal) => {
                            prop_assert_eq!(refusal.code(), "client_bodies");
                            prop_assert_eq!(held.len(), 3);
                        }
                    }
                }
                prop_assert!(held.len() <= 3);
                let holding = model.iter().filter(|held| !held.is_empty()).count();
                prop_assert_eq!(shares.held().len(), holding);
            }
        }
    }
}
