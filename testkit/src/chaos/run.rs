//! One run from its start to its report: faults while links are sent, then the calm in which the
//! remaining work is done, then the check.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::check::{Checked, check};
use super::load::{Link, Load, failing_requests};
use super::replace;
use super::report::{Figures, Log, Report, Story};
use super::schedule::Schedule;
use super::send::Sending;
use super::settings::ChaosSettings;
use super::world::World;
use crate::site::Role;
use crate::wait::{LONG, SHORT, wait_for};

const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// A lag that has not shrunk for this long does not get to 0. Above every backoff and time-out of
/// linkrelay's.
const STALL_LIMIT: Duration = Duration::from_secs(150);
/// The number of requests whose status is asked for, spread over the run.
const STATUS_SAMPLE: usize = 50;

type Progress<'a> = &'a (dyn Fn(&str) + Sync);

/// Does a whole run; `progress` receives the plan, and then a line from time to time. If it is
/// dropped before its end, it stops every process.
///
/// # Errors
/// If the run itself could not be done (a tool is missing, a test server does not start); what
/// linkrelay did wrong is in the report. The roles' logs are then kept, and the error names them.
pub async fn run(settings: ChaosSettings, progress: Progress<'_>) -> Result<Report> {
    let min_span = settings.brokers.min_span();
    let has_faults = settings.replacement.is_none();
    ensure!(!has_faults || settings.span >= min_span, "a schedule takes at least {min_span:?}");
    let folder = tempfile::Builder::new().prefix("linkrelay-chaos-").tempdir()?;
    match try_run(settings, progress, folder.path()).await {
        Ok((figures, story)) => Ok(Report { figures, story, folder }),
        Err(error) => {
            let kept = folder.keep();
            Err(error.context(format!("the run was aborted; its logs are in {}", kept.display())))
        }
    }
}

async fn try_run(
    settings: ChaosSettings,
    progress: Progress<'_>,
    log_dir: &Path,
) -> Result<(Figures, Story)> {
    let started = Instant::now();
    let schedule = match settings.replacement {
        Some(_) => Schedule::calm(settings.span),
        None => Schedule::draw(settings.seed, settings.span, settings.brokers),
    };
    let (seed, faults) = (settings.seed, &schedule.faults);
    progress(&format!("seed {seed}: {} links, {} faults", settings.links, faults.len()));
    faults.iter().for_each(|fault| progress(&fault.to_string()));
    progress("starting the broker, the store and linkrelay");
    let mut world = World::start(&settings, log_dir).await?;
    let moments: Vec<Duration> = match settings.replacement {
        Some(_) => replace::moments(settings.span),
        None => faults.iter().map(|fault| fault.at).collect(),
    };
    let load = Load::plan(seed, settings.links, settings.span, &moments);
    let log = Arc::new(Log::new());

    let mut sending = Sending::start(&load, &world, &log)?;
    match &settings.replacement {
        Some(replacement) => {
            replace::all(&mut world, &settings, replacement, &log, progress).await?
        }
        None => break_things(&mut world, &schedule, &sending, &log, progress).await?,
    }
    let calm = Instant::now();
    let mut expected = sending.finish(&load, &log, progress).await?;
    expected.topic.clone_from(&world.site.topic);
    log.note("everything is sent");
    until_settled(&mut world, &log, progress).await?;
    check_statuses(&world.producer, &expected.requests, &log).await;
    log.note("everything is settled");
    world.stop(&log).await;
    let found = world.found().await?;
    let settle_seconds = calm.elapsed().as_secs_f64();

    progress("checking");
    let Checked { tally, due, violations } = check(&expected, &found);
    violations.into_iter().for_each(|violation| log.violate(violation));
    let asked = world.site.fake.hits().by_video;
    let repeated_extractions = repeated(seed, &asked, &due);
    let repeated_percent = 100.0 * repeated_extractions as f64 / tally.links.max(1) as f64;
    if let Some(limit) = settings.max_repeats_percent.filter(|limit| repeated_percent > *limit) {
        let repeated = format!("{repeated_percent:.1} % of the links were extracted again");
        log.violate(format!("{repeated}, above {limit} %"));
    }
    world.keep_logs(log_dir)?;
    world.site.fake.stop().await;
    let story = log.take();
    let (posts, failed_posts) = sending.posts();
    let mut kinds = BTreeMap::new();
    for fault in faults {
        *kinds.entry(fault.label()).or_insert(0) += 1;
    }
    let figures = Figures {
        seed,
        brokers: settings.brokers,
        protocol: settings.protocol,
        static_members: settings.has_static_members,
        faults: kinds,
        requests: load.requests.len(),
        posts,
        failed_posts,
        records_by_hand: load.by_hand.len(),
        tally,
        violations: story.violations.len(),
        extractions: asked.values().sum(),
        repeated_extractions,
        repeated_percent,
        schedule_seconds: schedule.span.as_secs_f64(),
        settle_seconds,
        total_seconds: started.elapsed().as_secs_f64(),
    };
    Ok((figures, story))
}

/// Follows the schedule while links are sent; ends when every fault has ended.
async fn break_things(
    world: &mut World,
    schedule: &Schedule,
    sending: &Sending,
    log: &Log,
    progress: Progress<'_>,
) -> Result<()> {
    let following = world.follow(schedule, log);
    tokio::pin!(following);
    let mut tick = interval(PROGRESS_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            ended = &mut following => {
                log.note("every fault has ended");
                return ended;
            }
            _ = tick.tick() => {
                let now = log.begin.elapsed();
                let active = schedule.faults.iter().filter(|fault| fault.is_active(now));
                let mut active: Vec<String> = active.map(|fault| fault.label()).collect();
                active.sort_unstable();
                if active.is_empty() {
                    active.push("no fault".to_owned());
                }
                let (now, span) = (now.as_secs_f64(), schedule.span.as_secs_f64());
                let (status, active) = (sending.status(), active.join(", "));
                progress(&format!("{now:.0} of {span:.0} s: {status}; now: {active}"));
            }
        }
    }
}

/// Waits until the group has committed everything; it is a violation if it never does.
async fn until_settled(world: &mut World, log: &Log, progress: Progress<'_>) -> Result<()> {
    let (mut least, mut last_progress) = (i64::MAX, Instant::now());
    loop {
        world.revive(log)?;
        let status = match world.site.lag().await {
            Ok(0) => return Ok(()),
            Ok(lag) => {
                if lag < least {
                    (least, last_progress) = (lag, Instant::now());
                }
                format!("lag {lag}")
            }
            Err(error) => format!("{error:#}"),
        };
        if last_progress.elapsed() > STALL_LIMIT {
            log.misbehaved(format!("the lag did not get to 0: {status} for {STALL_LIMIT:?}"));
            return Ok(());
        }
        progress(&format!("waiting for the remaining work: {status}"));
        sleep(LOOK_INTERVAL).await;
    }
}

/// Asks the producer for the status of some requests, of which no link may be pending now.
async fn check_statuses(producer: &Role, requests: &[(String, Vec<Link>)], log: &Log) {
    let step = requests.len().div_ceil(STATUS_SAMPLE).max(1);
    for (id, links) in requests.iter().step_by(step) {
        let status = wait_for("a request's status", LONG, SHORT, async || {
            status(producer, id).await.map_err(|error| format!("{error:#}"))
        });
        let answer = match status.await {
            Ok(status) if status["pending"] == 0 && status["total"] == links.len() => continue,
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        log.violate(format!("the status of {id} is wrong: {answer}"));
    }
}

async fn status(producer: &Role, id: &str) -> Result<Value> {
    let answer = tokio::time::timeout(LONG, producer.get(&format!("/links/{id}"))).await;
    let (status, answer) = answer.context("no answer")??;
    ensure!(status == 200, "{status} {answer}");
    let mut status: Value = serde_json::from_str(&answer)?;
    // The list of links is long, and only the counts matter.
    if let Some(members) = status.as_object_mut() {
        members.remove("links");
    }
    Ok(status)
}

/// The requests to the fake YouTube beyond what each record in the topic needs once, with its
/// planned failures.
fn repeated(seed: u64, asked: &BTreeMap<String, u64>, due: &BTreeMap<String, u64>) -> u64 {
    let beyond = asked.iter().map(|(video_id, asked)| {
        let records = due.get(video_id).copied().unwrap_or(0);
        asked.saturating_sub(records + failing_requests(seed, video_id))
    });
    beyond.sum()
}
