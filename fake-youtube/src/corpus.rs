//! Captured answers: a folder with one folder a case, each holding `expected.json` and
//! `body.html.gz` or `body.json.gz`.
//!
//! Every case has an id of its own, made from its name. A case that says which video it is about
//! is served under that video's id. Of several about one video on one route, the one captured
//! last is, until [`serve_corpus_case`](crate::FakeYouTube::serve_corpus_case) says otherwise;
//! the others go by their own ids. On the routes for which nothing was captured, such an id is
//! answered with nothing: what is made up would contradict what is captured. A page under such an
//! id carries another video's id inside: for a reader it is the wrong video.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use bytes::Bytes;
use flate2::read::GzDecoder;
use hyper::StatusCode;
use serde_json::Value;

use crate::answer::{Answer, HTML, JSON};
use crate::pages;

/// One captured answer, as a folder of the corpus holds it.
#[derive(Debug, Clone)]
pub struct CorpusCase {
    /// Its folder's name.
    pub name: String,
    /// `watch html`, `watch pbj json`, `player json`, `oembed json`, `error html` or
    /// `listing html`. Error and listing pages are served on `/watch`.
    pub kind: String,
    /// Which id to ask for.
    pub served_as: String,
    /// Which video it is about, if it is about one. Where this is not `served_as`, the answer
    /// is about another video than the one asked for.
    pub carries: Option<String>,
    /// Its `expected.json`.
    pub expected: Value,
}

/// Which route serves a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Watch,
    Player,
    Oembed,
}

/// All cases.
#[derive(Debug)]
pub(crate) struct Corpus {
    captures: Vec<Capture>,
    /// Which capture is served under a real id.
    by_real_id: Mutex<HashMap<(Place, String), usize>>,
    by_own_id: HashMap<(Place, String), usize>,
}

#[derive(Debug)]
struct Capture {
    name: String,
    kind: String,
    place: Place,
    own_id: String,
    carries: Option<String>,
    expected: Value,
    status: StatusCode,
    content_type: &'static str,
    body: Bytes,
}

impl Corpus {
    /// Reads and unpacks all cases of a folder. Blocks.
    ///
    /// # Errors
    /// If the folder or a case in it cannot be read, or there is none.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let entries = std::fs::read_dir(folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        let mut captures = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                captures.push(
                    Capture::read(&path).with_context(|| format!("case {}", path.display()))?,
                );
            }
        }
        if captures.is_empty() {
            bail!("there is no captured answer in {}", folder.display());
        }
        captures.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self::new(captures))
    }

    fn new(captures: Vec<Capture>) -> Self {
        let mut by_real_id: HashMap<(Place, String), usize> = HashMap::new();
        let mut by_own_id = HashMap::new();
        for (index, capture) in captures.iter().enumerate() {
            by_own_id.insert((capture.place, capture.own_id.clone()), index);
            let Some(id) = &capture.carries else { continue };
            let holder = by_real_id.entry((capture.place, id.clone())).or_insert(index);
            if captures[*holder].captured_on() < capture.captured_on() {
                *holder = index;
            }
        }
        Self { captures, by_real_id: Mutex::new(by_real_id), by_own_id }
    }

    pub(crate) fn find(&self, place: Place, id: &str) -> Option<Answer> {
        let key = (place, id.to_owned());
        let index = self.by_own_id.get(&key).copied().or_else(|| self.holder(&key))?;
        let capture = &self.captures[index];
        let answer = Answer::ok(capture.content_type, vec![capture.body.clone()]);
        Some(answer.with_status(capture.status))
    }

    /// Whether any route serves a captured answer for this id.
    pub(crate) fn knows(&self, id: &str) -> bool {
        [Place::Watch, Place::Player, Place::Oembed].into_iter().any(|place| {
            let key = (place, id.to_owned());
            self.by_own_id.contains_key(&key) || self.holder(&key).is_some()
        })
    }

    pub(crate) fn cases(&self) -> Vec<CorpusCase> {
        let case = |(index, capture): (usize, &Capture)| CorpusCase {
            name: capture.name.clone(),
            kind: capture.kind.clone(),
            served_as: self.served_as(index, capture),
            carries: capture.carries.clone(),
            expected: capture.expected.clone(),
        };
        self.captures.iter().enumerate().map(case).collect()
    }

    pub(crate) fn serve(&self, name: &str) -> anyhow::Result<String> {
        let found = self.captures.iter().enumerate().find(|(_, capture)| capture.name == name);
        let (index, capture) = found.with_context(|| format!("there is no case {name}"))?;
        let id = capture.carries.clone().with_context(|| format!("case {name} carries no id"))?;
        self.with_real_ids(|by_real_id| by_real_id.insert((capture.place, id.clone()), index));
        Ok(id)
    }

    fn served_as(&self, index: usize, capture: &Capture) -> String {
        let real_id = capture.carries.clone();
        let real_id = real_id.filter(|id| self.holder(&(capture.place, id.clone())) == Some(index));
        real_id.unwrap_or_else(|| capture.own_id.clone())
    }

    fn holder(&self, key: &(Place, String)) -> Option<usize> {
        self.with_real_ids(|by_real_id| by_real_id.get(key).copied())
    }

    fn with_real_ids<T>(&self, act: impl FnOnce(&mut HashMap<(Place, String), usize>) -> T) -> T {
        act(&mut self.by_real_id.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Capture {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let expected = std::fs::read(folder.join("expected.json")).context("expected.json")?;
        let expected: Value = serde_json::from_slice(&expected).context("expected.json")?;
        let kind = expected["kind"].as_str().context("expected.json has no kind")?.to_owned();
        let (place, content_type) = match kind.as_str() {
            "watch html" | "error html" | "listing html" => (Place::Watch, HTML),
            "watch pbj json" => (Place::Watch, JSON),
            "player json" => (Place::Player, JSON),
            "oembed json" => (Place::Oembed, JSON),
            other => bail!("unknown kind {other:?}"),
        };
        // The status is not in the corpus; a captcha comes with this one.
        let is_captcha = expected["status"] == "captcha";
        let file = if content_type == HTML { "body.html.gz" } else { "body.json.gz" };
        Ok(Self {
            own_id: pages::id_from_name(&format!("corpus {name}")),
            carries: expected["video_id"].as_str().map(str::to_owned),
            status: if is_captcha { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK },
            body: unpack(&folder.join(file)).context(file)?,
            name,
            kind,
            place,
            expected,
            content_type,
        })
    }

    /// Dates as text, which sort as they are.
    fn captured_on(&self) -> &str {
        self.expected["captured_on_or_before"].as_str().unwrap_or_default()
    }
}

fn unpack(path: &Path) -> anyhow::Result<Bytes> {
    let mut body = Vec::new();
    GzDecoder::new(std::fs::File::open(path)?).read_to_end(&mut body)?;
    Ok(Bytes::from(body))
}
