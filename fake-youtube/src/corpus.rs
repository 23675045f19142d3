//! Captured answers: a folder with one folder per case, which has `expected.json` and
//! `body.html.gz` or `body.json.gz`.
//!
//! Each case is served under an id made from its name. A case about a known video is served under
//! the id of that video instead, if it is the newest one about it on its route, or if
//! [`serve_corpus_case`](crate::FakeYouTube::serve_corpus_case) asked for it. For an id that the
//! corpus has, the other routes answer with nothing, as a generated answer would contradict the
//! captured one.

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
use crate::hits::Route;
use crate::pages;

/// One captured answer, as it is in the folder of the corpus.
#[derive(Debug, Clone)]
pub struct CorpusCase {
    /// The name of its folder.
    pub name: String,
    /// `watch html`, `watch pbj json`, `player json`, `oembed json`, `error html` or
    /// `listing html`. Error and listing pages are served on `/watch`.
    pub kind: String,
    /// The id to ask for.
    pub served_as: String,
    /// The id of the video in the answer. If this is not `served_as`, the answer is about another
    /// video than the one asked for.
    pub carries: Option<String>,
    /// Its `expected.json`.
    pub expected: Value,
}

#[derive(Debug)]
pub(crate) struct Corpus {
    captures: Vec<Capture>,
    /// The index of the capture that a route serves under an id.
    by_id: Mutex<HashMap<(Route, String), usize>>,
}

#[derive(Debug)]
struct Capture {
    /// As served under the id made from its name.
    case: CorpusCase,
    route: Route,
    content_type: &'static str,
    body: Bytes,
}

impl Corpus {
    /// Reads and unpacks all cases of a folder. Blocks.
    ///
    /// # Errors
    /// If the folder or a case in it cannot be read, or the folder has no case.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let entries = std::fs::read_dir(folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        let mut captures = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                let capture = Capture::read(&path);
                captures.push(capture.with_context(|| format!("case {}", path.display()))?);
            }
        }
        if captures.is_empty() {
            bail!("there is no captured answer in {}", folder.display());
        }
        captures.sort_by(|one, other| one.case.name.cmp(&other.case.name));
        Ok(Self::new(captures))
    }

    fn new(captures: Vec<Capture>) -> Self {
        let mut by_id: HashMap<(Route, String), usize> = HashMap::new();
        for (index, capture) in captures.iter().enumerate() {
            by_id.insert((capture.route, capture.case.served_as.clone()), index);
            let Some(id) = &capture.case.carries else { continue };
            let served = by_id.entry((capture.route, id.clone())).or_insert(index);
            if captures[*served].captured_on() < capture.captured_on() {
                *served = index;
            }
        }
        Self { captures, by_id: Mutex::new(by_id) }
    }

    pub(crate) fn find(&self, route: Route, id: &str) -> Option<Answer> {
        let index = self.with(|by_id| by_id.get(&(route, id.to_owned())).copied())?;
        let capture = &self.captures[index];
        let answer = Answer::ok(capture.content_type, vec![capture.body.clone()]);
        // The status is not in the corpus; a captcha comes with this one.
        let is_captcha = capture.case.expected["status"] == "captcha";
        Some(if is_captcha { answer.with_status(StatusCode::TOO_MANY_REQUESTS) } else { answer })
    }

    /// Whether any route serves a captured answer for this id.
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.with(|by_id| by_id.keys().any(|(_, known)| known == id))
    }

    pub(crate) fn cases(&self) -> Vec<CorpusCase> {
        self.with(|by_id| {
            let case = |(index, capture): (usize, &Capture)| {
                let mut case = capture.case.clone();
                if let Some(id) = &case.carries
                    && by_id.get(&(capture.route, id.clone())) == Some(&index)
                {
                    case.served_as.clone_from(id);
                }
                case
            };
            self.captures.iter().enumerate().map(case).collect()
        })
    }

    pub(crate) fn serve(&self, name: &str) -> anyhow::Result<String> {
        let index = self.captures.iter().position(|capture| capture.case.name == name);
        let index = index.with_context(|| format!("there is no case {name}"))?;
        let Capture { case, route, .. } = &self.captures[index];
        let id = case.carries.clone().with_context(|| format!("case {name} carries no id"))?;
        self.with(|by_id| by_id.insert((*route, id.clone()), index));
        Ok(id)
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<(Route, String), usize>) -> T) -> T {
        act(&mut self.by_id.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Capture {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let expected = std::fs::read(folder.join("expected.json")).context("expected.json")?;
        let expected: Value = serde_json::from_slice(&expected).context("expected.json")?;
        let kind = expected["kind"].as_str().context("expected.json has no kind")?.to_owned();
        let (route, content_type) = match kind.as_str() {
            "watch html" | "error html" | "listing html" => (Route::Watch, HTML),
            "watch pbj json" => (Route::Watch, JSON),
            "player json" => (Route::Player, JSON),
            "oembed json" => (Route::Oembed, JSON),
            other => bail!("unknown kind {other:?}"),
        };
        let file = if content_type == HTML { "body.html.gz" } else { "body.json.gz" };
        let body = unpack(&folder.join(file)).context(file)?;
        let served_as = pages::id_from_name(&format!("corpus {name}"));
        let carries = expected["video_id"].as_str().map(str::to_owned);
        let case = CorpusCase { name, kind, served_as, carries, expected };
        Ok(Self { case, route, content_type, body })
    }

    /// A date as text, which sorts by time.
    fn captured_on(&self) -> &str {
        self.case.expected["captured_on_or_before"].as_str().unwrap_or_default()
    }
}

fn unpack(path: &Path) -> anyhow::Result<Bytes> {
    let mut body = Vec::new();
    GzDecoder::new(std::fs::File::open(path)?).read_to_end(&mut body)?;
    Ok(Bytes::from(body))
}
