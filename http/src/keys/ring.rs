//! Whose key a text is. The keys of the file can be replaced while the server runs.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use linkrelay_common::metrics as names;
use metrics::{Counter, counter};

use super::file::KeyFile;
use super::key_text::{KeyHash, KeyText};
use super::scope::{Scope, Scopes};

/// The most clients that metrics tell apart; any more are counted together.
const MAX_LABELS: usize = 100;
const OTHER_LABEL: &str = "other";

/// Who has sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The name of the key.
    pub name: Arc<str>,
    scopes: Scopes,
}

impl KeyHolder {
    /// What the key allows.
    pub fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// Whether the key allows this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(scope)
    }
}

/// What the server knows of a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Known {
    pub(super) hash: KeyHash,
    pub(super) holder: KeyHolder,
}

/// The keys of a server.
#[derive(Debug)]
pub struct KeyRing {
    /// Keys that were set as they are, without an id, with every scope.
    plain: Vec<Known>,
    of_file: RwLock<HashMap<String, Known>>,
    /// The names of keys that metrics have as a label, each with the counter of what its key allows:
    /// to look a counter up by its labels takes longer than all else that a key costs. It only
    /// grows.
    labels: RwLock<HashMap<Arc<str>, Counter>>,
}

impl KeyRing {
    /// Makes a ring of plain keys, whose holders are named `key-1` and so on, and of the key of the
    /// process itself; they have every scope. [`replace`](Self::replace) adds the keys of a file.
    pub fn new<'a>(plain: impl IntoIterator<Item = &'a str>, own: Option<&KeyText>) -> Self {
        let known = |key: &str, name: String| Known {
            hash: KeyHash::of(key),
            holder: KeyHolder { name: name.into(), scopes: Scopes::all() },
        };
        let plain = (1..).zip(plain).map(|(number, key)| known(key, format!("key-{number}")));
        let own = own.map(|key| known(key.expose(), "linkrelay".to_owned()));
        Self {
            plain: plain.chain(own).collect(),
            of_file: RwLock::default(),
            labels: RwLock::default(),
        }
    }

    /// Replaces the keys of the file. Returns whether they have changed.
    pub fn replace(&self, file: &KeyFile) -> bool {
        let known = file.entries.iter().map(|entry| {
            let holder = KeyHolder { name: entry.name.as_str().into(), scopes: entry.scopes };
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
        let plain = self.plain_key(text).map(|known| known.holder.clone());
        plain.or_else(|| self.holder_in_file(text))
    }

    /// Returns the id of the key with this text, and what is known of it.
    pub(super) fn with_text(&self, text: &str) -> Option<(String, Known)> {
        let of_plain =
            || self.plain_key(text).map(|known| (known.holder.name.to_string(), known.clone()));
        let of_file = || {
            let key = KeyText::parse(text)?;
            let known = self.with_id(key.id())?;
            known.hash.is_same(&key.hash()).then(|| (key.id().to_owned(), known))
        };
        of_plain().or_else(of_file)
    }

    /// Returns what is known of the key with this id. The id of a plain key is its holder's name,
    /// which no key of a file has: its ids have no hyphen.
    pub(super) fn with_id(&self, id: &str) -> Option<Known> {
        let plain = self.plain.iter().find(|known| id.contains('-') && &*known.holder.name == id);
        plain.cloned().or_else(|| {
            let of_file = self.of_file.read().unwrap_or_else(PoisonError::into_inner);
            of_file.get(id).cloned()
        })
    }

    fn plain_key(&self, text: &str) -> Option<&Known> {
        if self.plain.is_empty() {
            return None;
        }
        let hash = KeyHash::of(text);
        // Every key is compared, whether one before it is the same or not.
        self.plain
            .iter()
            .fold(None, |found, known| if known.hash.is_same(&hash) { Some(known) } else { found })
    }

    fn holder_in_file(&self, text: &str) -> Option<KeyHolder> {
        let key = KeyText::parse(text)?;
        let hash = key.hash();
        let of_file = self.of_file.read().unwrap_or_else(PoisonError::into_inner);
        let known = of_file.get(key.id())?;
        known.hash.is_same(&hash).then(|| known.holder.clone())
    }

    /// Returns what metrics call a client: its name, if it is one of the first that this process
    /// has served.
    pub fn label(&self, holder: &KeyHolder) -> Arc<str> {
        self.with_label(holder, |label, _| Arc::clone(label))
    }

    /// Counts a request of a client that its key allows.
    pub(super) fn count_allowed(&self, holder: &KeyHolder) {
        self.with_label(holder, |_, allowed| allowed.increment(1));
    }

    fn with_label<T>(&self, holder: &KeyHolder, does: impl Fn(&Arc<str>, &Counter) -> T) -> T {
        let labels = self.labels.read().unwrap_or_else(PoisonError::into_inner);
        let other = || labels.get_key_value(OTHER_LABEL).filter(|_| labels.len() >= MAX_LABELS);
        if let Some((label, allowed)) = labels.get_key_value(&holder.name).or_else(other) {
            return does(label, allowed);
        }
        drop(labels);
        let mut labels = self.labels.write().unwrap_or_else(PoisonError::into_inner);
        let is_told_apart = labels.len() < MAX_LABELS || labels.contains_key(&holder.name);
        let label = if is_told_apart { Arc::clone(&holder.name) } else { OTHER_LABEL.into() };
        let allowed = labels.entry(Arc::clone(&label)).or_insert_with(|| allowed(&label));
        does(&label, allowed)
    }
}

fn allowed(label: &Arc<str>) -> Counter {
    counter!(names::CLIENT_REQUESTS, "client" => Arc::clone(label), "outcome" => "allowed")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::KeyEntry;
    use super::*;

    #[test]
    fn a_key_is_known_until_the_file_is_replaced() {
        let (old, new) = (KeyText::generate(), KeyText::generate());
        let file = |key: &KeyText| {
            let scopes = "submit".parse().unwrap();
            KeyFile { entries: vec![KeyEntry::new(key, scopes, "site").unwrap()] }
        };
        let ring = KeyRing::new(["a plain key of the environment"], None);
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
    fn metrics_tell_a_bounded_number_of_clients_apart() {
        let ring = KeyRing::new([], None);
        let label = |number: usize| {
            let name = Arc::from(format!("client {number}"));
            ring.label(&KeyHolder { name, scopes: Scopes::all() }).to_string()
        };
        let labels: HashSet<_> = (0..MAX_LABELS * 3).map(label).collect();
        assert_eq!(labels.len(), MAX_LABELS + 1);
        assert_eq!((label(0), label(MAX_LABELS)), ("client 0".to_owned(), "other".to_owned()));
    }

    #[test]
    fn a_right_id_with_another_secret_has_no_holder() {
        let key = KeyText::generate();
        let ring = KeyRing::new([], None);
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
