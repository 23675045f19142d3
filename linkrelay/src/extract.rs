//! `linkrelay extract`: prints the metadata of links, without Kafka or a store.

use std::io::Write;
use std::sync::Arc;

use clap::Args;
use futures::{StreamExt, stream};
use linkrelay_common::{ErrorClass, parse_link};
use linkrelay_extractor::Extract;
use linkrelay_extractor::config::ExtractorSettings;
use serde_json::{Value, json};

use crate::exit::Outcome;
use crate::links::LinkArguments;

/// Links asked for concurrently; the answers are printed in the order of the links.
const CONCURRENCY: usize = 8;

/// The links, and the settings of the extractor.
#[derive(Debug, Args)]
pub(crate) struct ExtractArguments {
    #[command(flatten)]
    links: LinkArguments,

    #[command(flatten)]
    extractor: ExtractorSettings,
}

pub(crate) async fn run(arguments: ExtractArguments) -> anyhow::Result<Outcome> {
    let extractor = arguments.extractor.build()?;
    let links = tokio::task::spawn_blocking(move || arguments.links.read()).await??;
    let mut lines =
        stream::iter(links).map(|link| extract(Arc::clone(&extractor), link)).buffered(CONCURRENCY);
    let mut outcome = Outcome::Done;
    while let Some(line) = lines.next().await {
        if line.get("error").is_some() {
            outcome = Outcome::SomeFailed;
        }
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(outcome)
}

async fn extract(extractor: Arc<dyn Extract>, link: String) -> Value {
    let video_id = match parse_link(&link) {
        Ok(video_id) => video_id,
        Err(error) => {
            return failed(&link, ErrorClass::Permanent, error.code(), &error.to_string());
        }
    };
    match extractor.extract(video_id, false).await {
        Ok(extraction) => json!({
            "link": link, "video_id": extraction.video_id, "source": extraction.source,
            "extracted_at": extraction.extracted_at, "video": extraction.video,
        }),
        Err(error) => failed(&link, error.class(), error.code(), &error.to_string()),
    }
}

fn failed(link: &str, class: ErrorClass, code: &str, message: &str) -> Value {
    json!({ "link": link, "error": { "class": class, "code": code, "message": message } })
}
