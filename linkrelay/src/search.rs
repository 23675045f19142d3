//! `linkrelay search`: shows the videos that a search finds.

use std::io::Write;

use clap::Args;
use linkrelay_http::wire::VideoEntry;
use linkrelay_producer::dlq::printable;
use url::form_urlencoded::Serializer;

use crate::api::ServerArguments;
use crate::columns::columns;
use crate::exit::Outcome;
use crate::video_filter::FilterArguments;

const MAX_PAGE: u64 = 500;

/// What to search for, and how to show it.
#[derive(Debug, Args)]
pub(crate) struct SearchArguments {
    /// Parts of words that a video must have in its title (with SQLite: or in its description), in
    /// any order and script; those that belong together in double quotes: '"new york"'
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,

    /// Show at most N videos
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,

    /// Print one JSON object per line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    filter: FilterArguments,

    #[command(flatten)]
    server: ServerArguments,
}

pub(crate) async fn run(arguments: SearchArguments) -> anyhow::Result<Outcome> {
    let api = arguments.server.connect()?;
    let page = arguments.limit.min(MAX_PAGE);
    let query = Serializer::new(String::new())
        .append_pair("q", &arguments.words.join(" "))
        .extend_pairs(arguments.filter.parameters())
        .append_pair("limit", &page.to_string())
        .finish();
    let mut next = Some(format!("/videos?{query}"));
    let mut left = arguments.limit;
    let mut rows = Vec::new();
    let mut out = std::io::stdout();
    while let Some(path) = next.filter(|_| left > 0) {
        let page = api.videos_page(&path).await?;
        for video in page.videos {
            if left == 0 {
                break;
            }
            left -= 1;
            if arguments.json {
                writeln!(out, "{}", serde_json::to_string(&video)?)?;
            } else {
                rows.push(row(&video));
            }
        }
        next = page.next;
    }
    if !rows.is_empty() {
        writeln!(out, "{}", columns([11, 10, 0, 0], rows))?;
    }
    Ok(Outcome::Done)
}

/// The id, the day of publication, the channel and the title.
fn row(entry: &VideoEntry) -> [String; 4] {
    let video = entry.video.as_ref();
    let published = video.and_then(|video| video.publish_date);
    let day = published.map(|time| time.strftime("%Y-%m-%d").to_string());
    let channel = video.and_then(|video| video.author.name.as_deref());
    let title = video.map(|video| video.title.as_str());
    let [channel, title] = [channel, title].map(|text| printable(text.unwrap_or_default()));
    [entry.video_id.to_string(), day.unwrap_or_default(), channel, title]
}
