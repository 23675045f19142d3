//! Every property, for inputs that proptest makes, and for the corpus of the fuzzer.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use linkrelay_properties::Property;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The corpus in the tree stays small.
const MAX_CORPUS_BYTES: u64 = 300_000;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fuzz")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_property_has_a_fuzz_target_and_a_small_corpus_and_no_other_has() {
    let properties: BTreeSet<String> =
        Property::ALL.iter().map(|property| property.name.to_owned()).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), properties);
    assert_eq!(names(&fuzz().join("corpus")), properties);
    let mut bytes = 0;
    for name in &properties {
        let files = std::fs::read_dir(fuzz().join("corpus").join(name)).unwrap();
        bytes += files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>();
    }
    assert!(bytes < MAX_CORPUS_BYTES, "{bytes} bytes: minimize it (CONTRIBUTING.md)");
}

#[test]
fn every_property_holds_for_its_corpus_and_its_seeds() {
    for property in Property::ALL {
        for seed in (property.seeds)() {
            (property.check)(&seed);
        }
        for file in std::fs::read_dir(fuzz().join("corpus").join(property.name)).unwrap() {
            let path = file.unwrap().path();
            println!("{}", path.display());
            (property.check)(&std::fs::read(path).unwrap());
        }
    }
}

/// A seed with some bytes replaced, removed, or repeated elsewhere.
#[derive(Debug, Clone)]
enum Change {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Copy(Index, usize, Index),
}

impl Change {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Self::Replace(at, byte)),
            (any::<Index>(), "\\PC{1,4}").prop_map(|(at, text)| Self::Insert(at, text.into())),
            (any::<Index>(), 1..40_usize).prop_map(|(at, count)| Self::Remove(at, count)),
            (any::<Index>(), 1..60_usize, any::<Index>())
                .prop_map(|(from, count, to)| Self::Copy(from, count, to)),
        ]
    }

    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Replace(at, byte) => *at.get_mut(bytes) = *byte,
            Self::Insert(at, new) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Remove(at, count) => {
                let at = at.index(bytes.len());
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Self::Copy(from, count, to) => {
                let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
                let part = bytes[from..(from + count).min(bytes.len())].to_vec();
                bytes.splice(to..to, part);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_property_holds_for_any_bytes(
        property in select(&Property::ALL[..]), bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        (property.check)(&bytes);
    }

    #[test]
    fn every_property_holds_for_any_text(property in select(&Property::ALL[..]), text in "\\PC{0,200}") {
        (property.check)(text.as_bytes());
    }

    #[test]
    fn every_property_holds_for_changed_seeds(
        property in select(&Property::ALL[..]), seed: Index,
        changes in prop::collection::vec(Change::any(), 1..6),
    ) {
        let mut bytes = seed.get(&(property.seeds)()).clone();
        for change in &changes {
            change.apply(&mut bytes);
        }
        (property.check)(&bytes);
    }
}
