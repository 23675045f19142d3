//! Whose key a text is. The keys of the file can be replaced while the server runs.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::file::KeyFile;
use super::key_text::{KeyHash, KeyText};
use super::scope::{Scope, Scopes};

/// Who has sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The name of the key.
    pub name: Arc<str>,
    scopes: Scopes,
}

impl KeyHolder {
    /// Whether the key allows this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(scope)
    }
}

#[derive(Debug, PartialEq)]
struct Known {
    hash: KeyHash,
    holder: KeyHolder,
}

/// The keys of a server.
#[derive(Debug)]
pub struct KeyRing {
    /// Keys that were set as they are, without an id, with every scope.
    plain: Vec<Known>,
    of_file: RwLock<HashMap<String, Known>>,
}

impl KeyRing {
    /// Makes a ring of plain keys, which have every scope; their holders are named `key-1` and so
    /// on. The keys of a file are added by [`replace`](Self::replace).
    pub fn new<'a>(plain: impl IntoIterator<Item = &'a str>) -> Self {
        let plain = (1..).zip(plain).map(|(number, key)| Known {
            hash: KeyHash::of(key),
            holder: KeyHolder { name: format!("key-{number}").into(), scopes: Scopes::all() },
        });
        Self { plain: plain.collect(), of_file: RwLock::default() }
    }

    /// Replaces the keys of the file. Returns whether they have changed.
    pub fn replace(&self, file: &KeyFile) -> bool {
        let known = file.entries.iter().map(|entry| {
            let holder =
                KeyHolder { name: entry.name.as_str().into(), scopes: entry.scopes.clone() };
            (entry.id.clone(), Known { hash: entry.hash, holder })
        });
        let known: HashMap<_, _> = known.collect();
        // Nothing panics while it holds the lock.
        let mut of_file = self.of_file.write().unwrap_or_else(PoisonError::into_inner);
        let has_changed = *of_file != known;
        *of_file = known;
        has_changed
    }

    /// Returns whose key this is. How long it takes does not tell how much of a key is right.
    pub fn holder(&self, text: &str) -> Option<KeyHolder> {
        let hash = KeyHash::of(text);
        // Every key is compared, whether one before it is the same or not.
        let plain = self
            .plain
            .iter()
            .fold(None, |found, known| if known.hash.is_same(&hash) { Some(known) } else { found });
        plain.map(|known| known.holder.clone()).or_else(|| self.holder_in_file(text))
    }

    fn holder_in_file(&self, text: &str) -> Option<KeyHolder> {
        let key = KeyText::parse(text)?;
        let hash = key.hash();
        let of_file = self.of_file.read().unwrap_or_else(PoisonError::into_inner);
        let known = of_file.get(key.id())?;
        known.hash.is_same(&hash).then(|| known.holder.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::KeyEntry;
    use super::*;

    #[test]
    fn a_key_is_known_until_the_file_is_replaced() {
        let (old, new) = (KeyText::generate(), KeyText::generate());
        let file = |key: &KeyText| {
            let scopes = "submit".parse().unwrap();
            KeyFile { entries: vec![KeyEntry::new(key, scopes, "site").unwrap()] }
        };
        let ring = KeyRing::new(["a plain key of the environment"]);
        ring.replace(&file(&old));
        let holder = ring.holder(old.expose()).unwrap();
        assert_eq!(&*holder.name, "site");
        assert!(holder.may(Scope::Submit) && !holder.may(Scope::Read) && !holder.may(Scope::Admin));
        ring.replace(&file(&new));
        assert_eq!(ring.holder(old.expose()), None);
        assert!(ring.holder(new.expose()).is_some());
        let plain = ring.holder("a plain key of the environment").unwrap();
        assert_eq!(&*plain.name, "key-1");
        assert!(Scope::ALL.into_iter().all(|scope| plain.may(scope)));
    }

    #[test]
    fn a_right_id_with_another_secret_is_nobody() {
        let key = KeyText::generate();
        let ring = KeyRing::new([]);
        let entry = KeyEntry::new(&key, Scopes::all(), "site").unwrap();
        ring.replace(&KeyFile { entries: vec![entry] });
        let mut text = key.expose().to_owned();
        let last = if text.ends_with('0') { "1" } else { "0" };
        text.replace_range(text.len() - 1.., last);
        for text in ["", "lr_", &text, &key.expose()[..key.expose().len() - 1]] {
            assert_eq!(ring.holder(text), None, "{text}");
        }
    }
}
