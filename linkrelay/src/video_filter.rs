//! Which videos a command asks for, and in what order: the parameters of `GET /videos`, of which
//! the server says what they may be.

use clap::Args;

/// The parameters, as arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which videos")]
pub(crate) struct FilterArguments {
    /// Only videos of this channel
    #[arg(long, value_name = "ID")]
    channel_id: Option<String>,

    /// Only videos of this category
    #[arg(long, value_name = "NAME")]
    category: Option<String>,

    /// Only videos with this availability, such as `ok` or `age_restricted`
    #[arg(long, value_name = "NAME")]
    availability: Option<String>,

    /// Only videos that are `stored`, or `failed`: all of their links have
    #[arg(long, value_name = "STATUS", value_parser = ["stored", "failed"])]
    status: Option<String>,

    /// Only videos published at this day (in UTC) or RFC 3339 time, or later
    #[arg(long, value_name = "TIME")]
    published_from: Option<String>,

    /// Only videos published before this day or time
    #[arg(long, value_name = "TIME")]
    published_before: Option<String>,

    /// Only videos of this many seconds, or longer ones
    #[arg(long, value_name = "SECONDS")]
    length_from: Option<String>,

    /// Only videos that are shorter than this many seconds
    #[arg(long, value_name = "SECONDS")]
    length_below: Option<String>,

    /// Sort by `first_seen` or `published`
    #[arg(long, value_name = "NAME")]
    sort: Option<String>,

    /// Sort `desc` (the newest first) or `asc`
    #[arg(long, value_name = "DIRECTION")]
    order: Option<String>,
}

impl FilterArguments {
    /// Returns the parameters that are given, with their values.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("channel_id", &self.channel_id),
            ("category", &self.category),
            ("availability", &self.availability),
            ("status", &self.status),
            ("published_from", &self.published_from),
            ("published_before", &self.published_before),
            ("length_from", &self.length_from),
            ("length_below", &self.length_below),
            ("sort", &self.sort),
            ("order", &self.order),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}
