//! `linkrelay refresh`: submits stored videos again whose metadata is old, slowly.
//!
//! It reads the store and submits to a running linkrelay. The key of each submission follows from
//! the video and the time of its newest metadata, so a refresh that is run again before its links
//! are complete, or twice at the same time, makes no second document.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use humantime::parse_duration;
use jiff::Timestamp;
use linkrelay_common::{SettingsError, shutdown};
use linkrelay_store::{FoundStale, StaleVideo, StaleVideos, Store, StoreSettings};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::api::{Api, ServerArguments};
use crate::data_dir;
use crate::exit::Outcome;
use crate::progress::Progress;

/// How many videos one reading of the store keeps. It reads the rows of all videos, which takes
/// little time compared with that number of submissions.
const VIDEOS_PER_READING: u64 = 100_000;

/// Which videos to submit, and how fast.
#[derive(Debug, Args)]
pub(crate) struct RefreshArguments {
    /// Submit videos whose newest metadata is older than this (30d, 12h), the oldest first
    #[arg(long, value_name = "AGE", value_parser = parse_duration)]
    older_than: Duration,

    /// Submit at most N videos
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Videos submitted per second; 0.5 is one in two seconds
    #[arg(long, value_name = "N", default_value = "5", value_parser = parse_rate)]
    rate: f64,

    /// Also submit videos that YouTube has refused since (deleted, private), if that is as old
    #[arg(long)]
    failed: bool,

    /// Show what would be submitted, and submit nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    server: ServerArguments,

    #[command(flatten)]
    store: StoreSettings,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    const RATES: std::ops::RangeInclusive<f64> = 0.001..=1_000.0;
    let rate = text.parse().ok().filter(|rate| RATES.contains(rate));
    rate.ok_or_else(|| "must be a number from 0.001 to 1000".to_owned())
}

pub(crate) async fn run(arguments: RefreshArguments) -> anyhow::Result<Outcome> {
    let stop = shutdown::on_signal().context("signals cannot be received")?;
    let stale = StaleVideos {
        extracted_before: before(arguments.older_than)?,
        with_failed: arguments.failed,
        after: None,
    };
    let store = data_dir::open(&arguments.store).await?;
    let target = if arguments.dry_run {
        Target::Stdout
    } else {
        Target::Server(Submitter::new(arguments.server.connect()?, arguments.rate))
    };
    let mut refresh = Refresh::new(store, target, stale);
    let limit = arguments.limit.unwrap_or(u64::MAX);
    let ended = stop.run_until_cancelled(refresh.run(limit)).await.unwrap_or(Ok(()));
    let outcome = refresh.conclude(&stop)?;
    ended.map(|()| outcome)
}

/// Returns the time that was this long ago.
fn before(age: Duration) -> Result<Timestamp, SettingsError> {
    let before = Timestamp::now().checked_sub(age);
    before.map_err(|_| SettingsError::new("--older-than", "is longer ago than any time"))
}

/// Where videos go.
enum Target {
    /// They are only shown.
    Stdout,
    Server(Submitter),
}

/// A refresh in progress.
struct Refresh {
    store: Arc<dyn Store>,
    target: Target,
    /// The videos after the last one that was read.
    stale: StaleVideos,
    /// How many videos are still to be submitted.
    left: u64,
    submitted: u64,
    rejected: u64,
    progress: Option<Progress>,
}

impl Refresh {
    fn new(store: Arc<dyn Store>, target: Target, stale: StaleVideos) -> Self {
        let is_shown = matches!(target, Target::Server(_));
        let progress = is_shown.then(|| Progress::new("submitted", 0));
        Self { store, target, stale, left: 0, submitted: 0, rejected: 0, progress }
    }

    /// Submits up to `limit` videos, one by one. If this is dropped, a submission in flight may
    /// arrive or not, which makes no difference to the next run.
    async fn run(&mut self, limit: u64) -> anyhow::Result<()> {
        let mut found = self.find(limit).await?;
        self.left = found.count.min(limit);
        if let Some(progress) = &mut self.progress {
            progress.set_total(self.left);
        }
        // Other videos may have been refreshed since they were counted.
        while let Some(last) = found.oldest.last() {
            self.stale.after = Some(last.clone());
            for video in &found.oldest {
                let is_submitted = self.target.take(video).await?;
                self.count(is_submitted);
            }
            if self.left == 0 {
                break;
            }
            found = self.find(self.left).await?;
        }
        Ok(())
    }

    /// Reads the store for the next videos.
    async fn find(&self, limit: u64) -> anyhow::Result<FoundStale> {
        let limit = usize::try_from(limit.min(VIDEOS_PER_READING)).unwrap_or(usize::MAX);
        self.stale.find(self.store.as_ref(), limit).await.context("reading the videos")
    }

    fn count(&mut self, is_submitted: bool) {
        self.left -= 1;
        self.submitted += u64::from(is_submitted);
        self.rejected += u64::from(!is_submitted);
        if let Some(progress) = &mut self.progress {
            progress.set(self.submitted + self.rejected);
        }
    }

    /// Reports what was submitted and what was not.
    fn conclude(self, stop: &CancellationToken) -> anyhow::Result<Outcome> {
        let Self { progress, submitted, rejected, left, target, .. } = self;
        if let Some(progress) = progress {
            progress.finish();
        }
        let mut out = std::io::stdout();
        match target {
            Target::Stdout => writeln!(out, "would submit {submitted}")?,
            Target::Server(_) => writeln!(out, "submitted {submitted}, rejected {rejected}")?,
        }
        if stop.is_cancelled() {
            eprintln!("interrupted; run it again for the {left} that are left");
            return Ok(Outcome::SomeFailed);
        }
        Ok(if rejected == 0 { Outcome::Done } else { Outcome::SomeFailed })
    }
}

impl Target {
    /// Shows or submits a video. Returns whether the server accepted it.
    async fn take(&mut self, video: &StaleVideo) -> anyhow::Result<bool> {
        match self {
            Self::Stdout => {
                let StaleVideo { video_id, extracted_at } = video;
                writeln!(std::io::stdout(), "{video_id}  {extracted_at}")?;
                Ok(true)
            }
            Self::Server(submitter) => submitter.submit(video).await,
        }
    }
}

/// Submits links at an even rate.
struct Submitter {
    api: Api,
    ticks: Interval,
}

impl Submitter {
    fn new(api: Api, per_second: f64) -> Self {
        let mut ticks = interval(Duration::from_secs_f64(1.0 / per_second));
        // A server that was slow for a while is not flooded afterwards.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { api, ticks }
    }

    async fn submit(&mut self, video: &StaleVideo) -> anyhow::Result<bool> {
        self.ticks.tick().await;
        let key = key(video);
        let reply = self.api.submit(&[video.video_id.watch_url()], true, &key).await?;
        let rejected = reply.name_rejected();
        if reply.id.is_none() && rejected == 0 {
            anyhow::bail!(reply.refusal());
        }
        Ok(reply.id.is_some())
    }
}

/// Returns the idempotency key of a video with this metadata.
fn key(video: &StaleVideo) -> String {
    format!("refresh-{}-{}", video.video_id, video.extracted_at.as_millisecond())
}

#[cfg(test)]
mod tests {
    use linkrelay_common::VideoId;

    use super::*;

    #[test]
    fn a_rate_may_be_below_one_and_is_never_zero() {
        assert_eq!(parse_rate("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "nan", "inf", "1001", "", "fast"] {
            assert!(parse_rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_age_beyond_all_time_is_a_wrong_setting() {
        assert!(before(Duration::from_secs(60)).unwrap() < Timestamp::now());
        assert_eq!(before(Duration::MAX).unwrap_err().setting, "--older-than");
    }

    #[test]
    fn a_key_is_of_the_video_and_of_its_newest_metadata() {
        let at = |millis| StaleVideo {
            extracted_at: Timestamp::from_millisecond(millis).unwrap(),
            video_id: VideoId::parse("5fR9AHlSDtc").unwrap(),
        };
        assert_eq!(key(&at(1)), key(&at(1)));
        assert_ne!(key(&at(1)), key(&at(2)));
    }
}
