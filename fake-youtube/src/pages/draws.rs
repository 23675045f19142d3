//! Numbers that look random and depend only on words: the same on every machine and in every
//! release, which the hashers of `std` and the generators of `rand` do not promise.

const ID_ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// A sequence of draws (splitmix64 over an FNV-1a hash of the words).
#[derive(Debug, Clone)]
pub struct Draws(u64);

impl Draws {
    /// Returns the sequence of this seed and these words.
    pub fn new(seed: u64, words: &[&str]) -> Self {
        let mut hash = FNV_OFFSET ^ seed.wrapping_mul(FNV_PRIME);
        for word in words {
            // 0xff is not in any UTF-8 text, so it keeps ("ab", "c") and ("a", "bc") apart.
            for byte in word.bytes().chain([0xff]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
            }
        }
        Self(hash)
    }

    /// Draws any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number below `bound`, or 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number().checked_rem(bound).unwrap_or(0)
    }

    /// Draws a number from 0 to below 1.
    pub fn fraction(&mut self) -> f64 {
        // An f64 is exact up to 53 bits.
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Draws true once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Draws one of these; the list must not be empty.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// Draws this many characters of the alphabet of video and channel ids.
    pub fn id_text(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(ID_ALPHABET[self.below(64) as usize])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draws_are_the_same_in_every_release() {
        // The seeds of recorded chaos runs mean the same only with these numbers.
        assert_eq!(Draws::new(0, &["id", "a"]).id_text(11), "3_nN2MqucYd");
        assert_eq!(Draws(0).number(), 0xe220_a839_7b1d_cdaf, "splitmix64's first from seed 0");
        assert_eq!(Draws::new(0, &[]).0, FNV_OFFSET);
    }

    #[test]
    fn each_word_and_the_seed_change_the_draws() {
        let first = |seed, words: &[&str]| Draws::new(seed, words).number();
        assert_ne!(first(0, &["ab", "c"]), first(0, &["a", "bc"]));
        assert_ne!(first(0, &["a"]), first(1, &["a"]));
    }
}
