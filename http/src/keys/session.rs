//! A session: what the browser of a signed-in user sends instead of the key.
//!
//! Its text names the key and when it ends, and an HMAC over both proves that a server with this
//! key wrote it. The HMAC's own key is the hash that the server has of the key, so the server keeps
//! nothing of a session, every server with the same keys knows it, and a key that is revoked takes
//! its sessions with it.
//!
//! It must not know: cookies, or who may sign in.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use super::key_text::{KeyHash, hex};
use super::ring::{KeyHolder, KeyRing, Known};

/// What is signed begins with it, so that nothing else that these hashes sign is a session.
const PURPOSE: &str = "linkrelay session 1\n";

/// A session that is known and has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// Whose it is.
    pub(super) holder: KeyHolder,
    /// When it ends.
    pub(super) expires_at: Timestamp,
}

/// Why a text is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionError {
    /// No key of this server has signed it, or that key is revoked.
    Unknown,
    /// It has ended.
    Expired,
}

/// Returns the text of a session.
pub(super) fn write(id: &str, known: &Known, expires_at: Timestamp) -> String {
    let signed = format!("{id}.{}", expires_at.as_second());
    let signature = hex(&mac(&known.hash, &signed).finalize().into_bytes());
    format!("{signed}.{signature}")
}

/// Reads the text of a session. How long it takes does not tell how much of its HMAC is right.
///
/// # Errors
/// [`SessionError`]; a session that is not genuine is never said to have ended.
pub(super) fn read(text: &str, ring: &KeyRing, now: Timestamp) -> Result<Session, SessionError> {
    let (known, expires_at) = genuine(text, ring).ok_or(SessionError::Unknown)?;
    if expires_at <= now {
        return Err(SessionError::Expired);
    }
    Ok(Session { holder: known.holder, expires_at })
}

fn genuine(text: &str, ring: &KeyRing) -> Option<(Known, Timestamp)> {
    let (signed, signature) = text.rsplit_once('.')?;
    let (id, seconds) = signed.split_once('.')?;
    let (known, signature) = (ring.with_id(id)?, KeyHash::parse(signature)?);
    mac(&known.hash, signed).verify_slice(signature.bytes()).ok()?;
    Some((known, Timestamp::from_second(seconds.parse().ok()?).ok()?))
}

fn mac(hash: &KeyHash, signed: &str) -> Hmac<Sha256> {
    // A key that is shorter than a block of the hash is filled up with zeros (RFC 2104).
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block.iter_mut().zip(hash.bytes()).for_each(|(to, byte)| *to = *byte);
    let mut mac = Hmac::<Sha256>::new(&block);
    mac.update(PURPOSE.as_bytes());
    mac.update(signed.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::super::{KeyEntry, KeyFile, KeyText};
    use super::*;

    const PLAIN: &str = "a plain key of the environment";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ring(entries: &[&KeyEntry]) -> KeyRing {
        let ring = KeyRing::new([PLAIN, "another plain key"], None);
        ring.replace(&KeyFile { entries: entries.iter().copied().cloned().collect() });
        ring
    }

    fn signed(ring: &KeyRing, key: &str, expires_at: i64) -> String {
        let (id, known) = ring.with_text(key).unwrap();
        write(&id, &known, at(expires_at))
    }

    /// The HMAC is the one that any other program computes.
    #[test]
    fn the_signature_is_an_hmac_of_sha_256() {
        let hash = KeyHash::of("x");
        let mut other = <Hmac<Sha256> as KeyInit>::new_from_slice(hash.bytes()).unwrap();
        other.update(b"linkrelay session 1\nid.7");
        let known = mac(&hash, "id.7").finalize().into_bytes();
        assert_eq!(known, other.finalize().into_bytes());
    }

    #[test]
    fn a_session_counts_until_it_ends_or_its_key_is_revoked() {
        let (key, other) = (KeyText::generate(), KeyText::generate());
        let entry = |key, scopes: &str| KeyEntry::new(key, scopes.parse().unwrap(), "me").unwrap();
        let (mine, another) = (entry(&key, "read"), entry(&other, "submit"));
        let ring = ring(&[&mine, &another]);
        let text = signed(&ring, key.expose(), 1_000);
        let session = read(&text, &ring, at(999)).unwrap();
        assert_eq!((&*session.holder.name, session.expires_at), ("me", at(1_000)));
        // It may do what the key may when it is used, not when it was signed.
        let wider = KeyEntry { scopes: "read,admin".parse().unwrap(), ..mine.clone() };
        ring.replace(&KeyFile { entries: vec![wider] });
        assert!(read(&text, &ring, at(999)).unwrap().holder.may(super::super::Scope::Admin));
        ring.replace(&KeyFile { entries: vec![another.clone()] });
        assert_eq!(read(&text, &ring, at(999)), Err(SessionError::Unknown), "a revoked key");
        // Another key in a line with the same id.
        let replaced = KeyEntry { id: mine.id, ..another };
        ring.replace(&KeyFile { entries: vec![replaced] });
        assert_eq!(read(&text, &ring, at(999)), Err(SessionError::Unknown), "a changed key");
        let plain = signed(&ring, PLAIN, 1_000);
        assert_eq!(&*read(&plain, &ring, at(0)).unwrap().holder.name, "key-1");
        assert!(!plain.contains(PLAIN), "{plain}");
    }

    #[test]
    fn whatever_is_changed_it_is_not_known() {
        let key = KeyText::generate();
        let entry = KeyEntry::new(&key, "read".parse().unwrap(), "me").unwrap();
        let ring = ring(&[&entry]);
        let text = signed(&ring, key.expose(), 1_000);
        assert_eq!(read(&text, &ring, at(1_000)), Err(SessionError::Expired));
        let (signed_part, signature) = text.rsplit_once('.').unwrap();
        let id = entry.id.as_str();
        let plain = signed(&ring, PLAIN, 1_000);
        let (_, of_plain) = plain.rsplit_once('.').unwrap();
        for wrong in [
            String::new(),
            "..".to_owned(),
            id.to_owned(),
            signed_part.to_owned(),
            format!("{signed_part}."),
            format!("{id}.2000.{signature}"),
            format!("{id}.01000.{signature}"),
            format!("{id}.+1000.{signature}"),
            format!("{id}.1000.{of_plain}"),
            format!("key-1.1000.{signature}"),
            format!("key-9.1000.{signature}"),
            format!("{id}.99999999999999999999.{signature}"),
            format!("{id}.{}.{signature}", i64::MAX),
            format!(" {text}"),
            format!("{text} "),
            format!("{text}0"),
            format!("{text}.{signature}"),
            text.replace('.', ":"),
        ] {
            assert_eq!(read(&wrong, &ring, at(1)), Err(SessionError::Unknown), "{wrong}");
            // Not said to have ended either.
            assert_eq!(read(&wrong, &ring, at(9_000)), Err(SessionError::Unknown), "{wrong}");
        }
        for end in 0..text.len() {
            assert_eq!(
                read(&text[..end], &ring, at(1)),
                Err(SessionError::Unknown),
                "cut at {end}"
            );
        }
        for (position, digit) in text.char_indices() {
            let other = if digit == '0' { "1" } else { "0" };
            let mut changed = text.clone();
            changed.replace_range(position..=position, other);
            assert_eq!(read(&changed, &ring, at(1)), Err(SessionError::Unknown), "{changed}");
        }
    }
}
