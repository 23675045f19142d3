//! The text of a key, `lr_<id>_<secret>`. The id is no secret: it finds the key's entry.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

const PREFIX: &str = "lr_";
const ID_BYTES: usize = 5;
/// 160 random bits, so a hash without salt cannot be searched.
const SECRET_BYTES: usize = 20;

/// A key as its holder has it. It is never logged or printed by accident.
#[derive(Clone)]
pub struct KeyText {
    id: String,
    whole: SecretString,
}

impl KeyText {
    /// Makes a new key from the operating system's randomness.
    pub fn generate() -> Self {
        let id = hex(&rand::random::<[u8; ID_BYTES]>());
        let secret = hex(&rand::random::<[u8; SECRET_BYTES]>());
        let whole = SecretString::from(format!("{PREFIX}{id}_{secret}"));
        Self { id, whole }
    }

    /// Reads a key that [`generate`](Self::generate) has made; `None` if the text has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_key = is_id(id) && !secret.is_empty();
        is_key.then(|| Self { id: id.to_owned(), whole: text.into() })
    }

    /// The part of the key that names it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Shows the key, which is only for its holder.
    pub fn expose(&self) -> &str {
        self.whole.expose_secret()
    }

    /// Returns the hash of the key's secret part, as the file has it.
    pub fn hash(&self) -> KeyHash {
        let secret_start = PREFIX.len() + self.id.len() + 1;
        KeyHash::of(self.expose().get(secret_start..).unwrap_or_default())
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyText({PREFIX}{}_…)", self.id)
    }
}

/// Whether a text can be a key's id: lower-case letters and digits.
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The SHA-256 of a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Returns the hash of a secret.
    pub(super) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Returns its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether both are the same; the time that this takes does not depend on where they differ.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(&self.0[..], &other.0[..]).into()
    }

    /// Reads 64 hexadecimal digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).ok()?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({self})")
    }
}

/// Writes two digits for each byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_made_and_hides_its_secret() {
        let key = KeyText::generate();
        let read = KeyText::parse(key.expose()).unwrap();
        assert_eq!(read.id(), key.id());
        assert_eq!(read.hash(), key.hash());
        assert_eq!(KeyHash::parse(&key.hash().to_string()), Some(key.hash()));
        let secret = key.expose().rsplit_once('_').unwrap().1;
        assert_eq!(secret.len() * 4, 160);
        assert!(!format!("{key:?}").contains(secret), "{key:?}");
        assert_ne!(KeyText::generate().expose(), key.expose());
    }

    #[test]
    fn another_text_is_no_key() {
        for text in ["", "lr_", "lr__x", "lr_ab_", "lr_AB_x", "lr_a.b_x", "xx_ab_x", "lr_ab"] {
            assert!(KeyText::parse(text).is_none(), "{text}");
        }
        for text in ["", "0g", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
            assert!(KeyHash::parse(text).is_none(), "{text}");
        }
    }
}
