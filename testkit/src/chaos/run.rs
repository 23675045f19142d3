//! One run from its start to its report: faults while links are sent, then the calm in which the
//! remaining work is done, then the check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::check::{Tally, check, links_by_video};
use super::expected::{AcknowledgedRequest, Expected, Outcomes};
use super::found::Found;
use super::load::Load;
use super::log::Log;
use super::report::{Figures, Report};
use super::schedule::Schedule;
use super::send::{Sending, Sent};
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

/// What a run works with.
struct Run<'a> {
    settings: ChaosSettings,
    progress: &'a (dyn Fn(&str) + Sync),
    schedule: Schedule,
    load: Load,
    log: Arc<Log>,
}

/// Does a whole run; `progress` receives a line from time to time. If it is dropped before its
/// end, it stops every process.
///
/// # Errors
/// If the run itself could not be done (a tool is missing, a test server does not start); what
/// linkrelay did wrong is in the report. The roles' logs are then kept, and the error names them.
pub async fn run(settings: ChaosSettings, progress: &(dyn Fn(&str) + Sync)) -> Result<Report> {
    let min_span = settings.brokers.min_span();
    anyhow::ensure!(settings.span >= min_span, "a schedule takes at least {min_span:?}");
    let folder = tempfile::Builder::new().prefix("linkrelay-chaos-").tempdir()?;
    match try_run(settings, progress, folder.path()).await {
        Ok((log, mut figures)) => {
            let (timeline, violations) = log.take();
            figures.violations = violations.len();
            Ok(Report { figures, violations, timeline, folder })
        }
        Err(error) => Err(keep_logs(error, folder)),
    }
}

fn keep_logs(error: anyhow::Error, folder: TempDir) -> anyhow::Error {
    error.context(format!("the run was aborted; its logs are in {}", folder.keep().display()))
}

async fn try_run(
    settings: ChaosSettings,
    progress: &(dyn Fn(&str) + Sync),
    log_dir: &Path,
) -> Result<(Arc<Log>, Figures)> {
    let started = Instant::now();
    progress("starting the broker, the store and linkrelay");
    let mut world = World::start(&settings, log_dir).await?;
    let schedule = settings.schedule();
    let moments: Vec<Duration> = schedule.faults.iter().map(|planned| planned.at).collect();
    let load = Load::plan(settings.seed, settings.links, settings.span, &moments);
    let run = Run { settings, progress, schedule, load, log: Arc::new(Log::new()) };

    let sending = run.break_things(&mut world).await?;
    let calm = Instant::now();
    let sent = sending.finish(progress).await?;
    run.log.note("everything is sent");
    let expected = run.expected(&sent, &world.site.topic);
    run.until_settled(&mut world).await?;
    run.check_statuses(&world.producer, &expected.requests).await;
    run.log.note("everything is settled");
    world.stop(&run.log).await;
    let found = Found::gather(&world.site).await?;
    let settle_seconds = calm.elapsed().as_secs_f64();

    progress("checking");
    let checked = check(&expected, &found);
    checked.violations.into_iter().for_each(|violation| run.log.violate(violation));
    let asked = world.site.fake.hits().by_video;
    let mut figures = run.figures(&sent, checked.tally, &asked);
    run.count_repeats(&mut figures, &asked, &links_by_video(&expected, &found));
    figures.settle_seconds = settle_seconds;
    figures.total_seconds = started.elapsed().as_secs_f64();
    world.keep_logs(log_dir)?;
    world.site.fake.stop().await;
    Ok((run.log, figures))
}

impl Run<'_> {
    /// Sends links while faults happen; ends when every fault has ended.
    async fn break_things(&self, world: &mut World) -> Result<Sending> {
        let kafka = world.site.broker.node(0).client_config();
        let url = world.producer.url();
        let sending = Sending::start(&self.load, &url, kafka, &world.site.topic, &self.log)?;
        let faults = world.follow(&self.schedule, &self.log);
        tokio::pin!(faults);
        let mut tick = interval(PROGRESS_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ended = &mut faults => break ended?,
                _ = tick.tick() => self.report_progress(&sending),
            }
        }
        self.log.note("every fault has ended");
        Ok(sending)
    }

    fn report_progress(&self, sending: &Sending) {
        let now = self.log.begin.elapsed();
        let broken =
            self.schedule.faults.iter().filter(|fault| fault.at <= now && now < fault.until);
        let mut broken: Vec<String> = broken.map(|planned| planned.fault.label()).collect();
        broken.sort_unstable();
        (self.progress)(&format!(
            "{:.0} of {:.0} s: {}; now: {}",
            now.as_secs_f64(),
            self.schedule.span.as_secs_f64(),
            sending.status(),
            if broken.is_empty() { "no fault".to_owned() } else { broken.join(", ") }
        ));
    }

    /// What the answers promised; wrong answers are violations.
    fn expected(&self, sent: &Sent, topic: &str) -> Expected {
        let mut expected = Expected {
            topic: topic.to_owned(),
            by_hand: sent.by_hand.clone(),
            ..Expected::default()
        };
        let mut unanswered: BTreeSet<usize> = (0..self.load.requests.len()).collect();
        for delivered in &sent.delivered {
            let request = &self.load.requests[delivered.index];
            let (key, ids) = (&request.key, Vec::from_iter(delivered.ids.iter().cloned()));
            if let Some(answer) = &delivered.refused {
                self.log.violate(format!("request {key} was answered {answer}"));
            } else if let Some(id) = ids.first() {
                unanswered.remove(&delivered.index);
                let (id, links) = (id.clone(), request.links.clone());
                expected.requests.push(AcknowledgedRequest { id, links });
            }
            if ids.len() > 1 {
                let text = format!("request {key} has several ids: {}", ids.join(", "));
                self.log.violate(text);
            }
        }
        for request in unanswered.into_iter().map(|index| &self.load.requests[index]) {
            let text = format!("request {} was never answered 201", request.key);
            self.log.violate(text);
            let links = request.links.iter().map(|link| link.link.clone());
            expected.unresolved_links.extend(links);
        }
        expected
    }

    /// Waits until the group has committed everything; it is a violation if it never does.
    async fn until_settled(&self, world: &mut World) -> Result<()> {
        let (mut least, mut last_progress) = (i64::MAX, Instant::now());
        loop {
            world.revive(&self.log)?;
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
                let text = format!("the lag did not get to 0: {status} for {STALL_LIMIT:?}");
                self.log.note(&*text);
                self.log.violate(text);
                return Ok(());
            }
            (self.progress)(&format!("waiting for the remaining work: {status}"));
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// Asks the producer for the status of some requests, of which no link may be pending now.
    async fn check_statuses(&self, producer: &Role, requests: &[AcknowledgedRequest]) {
        let step = requests.len().div_ceil(STATUS_SAMPLE).max(1);
        for AcknowledgedRequest { id, links } in requests.iter().step_by(step) {
            let status = wait_for("a request's status", LONG, SHORT, async || {
                status(producer, id).await.map_err(|error| format!("{error:#}"))
            });
            let answer = match status.await {
                Ok(status) if status["pending"] == 0 && status["total"] == links.len() => continue,
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            };
            let text = format!("the status of {id} is wrong: {answer}");
            self.log.violate(text);
        }
    }

    fn figures(&self, sent: &Sent, tally: Tally, asked: &BTreeMap<String, u64>) -> Figures {
        let mut faults = BTreeMap::new();
        for planned in &self.schedule.faults {
            *faults.entry(planned.fault.label()).or_insert(0) += 1;
        }
        Figures {
            seed: self.settings.seed,
            brokers: self.settings.brokers,
            protocol: self.settings.protocol,
            static_members: self.settings.has_static_members,
            faults,
            requests: self.load.requests.len(),
            posts: sent.posts_total,
            failed_posts: sent.failed_posts_total,
            records_by_hand: sent.by_hand.len(),
            tally,
            violations: 0,
            extractions: asked.values().sum(),
            repeated_extractions: 0,
            repeated_percent: 0.0,
            schedule_seconds: self.schedule.span.as_secs_f64(),
            settle_seconds: 0.0,
            total_seconds: 0.0,
        }
    }

    /// Counts the requests beyond what each record in the topic needs once, with its planned
    /// failures; too many are a violation.
    fn count_repeats(
        &self,
        figures: &mut Figures,
        asked: &BTreeMap<String, u64>,
        due: &BTreeMap<String, u64>,
    ) {
        let outcomes = Outcomes::new(self.settings.seed);
        let beyond = asked.iter().map(|(video_id, asked)| {
            let records = due.get(video_id).copied().unwrap_or(0);
            asked.saturating_sub(records + outcomes.failing_requests(video_id))
        });
        figures.repeated_extractions = beyond.sum();
        let percent =
            100.0 * figures.repeated_extractions as f64 / figures.tally.links.max(1) as f64;
        figures.repeated_percent = percent;
        if let Some(limit) = self.settings.max_repeats_percent.filter(|limit| percent > *limit) {
            let text = format!("{percent:.1} % of the links were extracted again, above {limit} %");
            self.log.violate(text);
        }
    }
}

async fn status(producer: &Role, id: &str) -> Result<Value> {
    let answer = tokio::time::timeout(LONG, producer.get(&format!("/links/{id}"))).await;
    let (status, answer) = answer.context("no answer")??;
    anyhow::ensure!(status == 200, "{status} {answer}");
    let mut status: Value = serde_json::from_str(&answer)?;
    // The list of links is long, and only the counts matter.
    if let Some(members) = status.as_object_mut() {
        members.remove("links");
    }
    Ok(status)
}
