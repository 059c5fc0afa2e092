//! Jitter and ids, from a seed that the caller gives.

use kafkatalk_protocol::MessageId;
use uuid::Builder;

/// Two `SplitMix64` generators (Steele, Lea, Flood 2014), one for each half of the seed, so that ids carry all of the
/// seed's 128 bits. Not for secrets.
#[derive(Clone, Debug)]
pub struct Random {
    high: u64,
    low: u64,
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    /// The generator of that seed.
    pub fn new(seed: u128) -> Self {
        let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
        Self { high: half(seed >> 64), low: half(seed) }
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        split_mix(&mut self.low)
    }

    /// A number from 0 to `end`, without `end`; 0 where `end` is 0. The bias of the remainder is below 2^-32 for the
    /// milliseconds that it is used for.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.any() % end }
    }

    /// A new version 4 id.
    pub fn message_id(&mut self) -> MessageId {
        let bits = u128::from(split_mix(&mut self.high)) << 64 | u128::from(self.any());
        MessageId(Builder::from_random_bytes(bits.to_be_bytes()).into_uuid())
    }

    /// A wait that doubles with every attempt (counted from 0) from `base` to `max`, of which the upper half is drawn
    /// by lot, so that clients that failed together do not come back together.
    pub fn backoff_ms(&mut self, attempt: u32, base_ms: u64, max_ms: u64) -> u64 {
        let whole = base_ms.saturating_mul(1 << attempt.min(20)).min(max_ms);
        whole / 2 + self.below(whole / 2 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_doubles_up_to_its_limit_and_is_at_least_half() {
        let mut random = Random::new(7);
        for attempt in 0..40 {
            let whole = 500_u64.saturating_mul(1 << attempt.min(30)).min(30_000);
            let wait = random.backoff_ms(attempt, 500, 30_000);
            assert!((whole / 2..=whole).contains(&wait), "{attempt}: {wait}");
        }
    }

    #[test]
    fn ids_of_different_seeds_differ() {
        assert_ne!(Random::new(1).message_id(), Random::new(2).message_id());
        assert_ne!(Random::new(1 << 64).message_id(), Random::new(2 << 64).message_id());
        assert_eq!(Random::new(1).message_id().0.get_version_num(), 4);
    }
}
