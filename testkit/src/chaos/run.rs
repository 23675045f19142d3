//! One run from its start to its figures: the storm, the calm, the judgement.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::future::try_join_all;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::check::{self, Tally, Violation};
use super::evidence::{self, Found};
use super::expected::{AcknowledgedRequest, Expected, Fates};
use super::load::Load;
use super::partitions;
use super::report::Figures;
use super::schedule::{Act, Schedule, Target};
use super::sending::{Sending, Sent};
use super::server::{Followed, Server, follow};
use super::settings::ChaosSettings;
use super::settle;
use super::timeline::{Event, Timeline};
use super::world::World;

const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// A run before anything is started.
pub(super) struct Run<'a> {
    settings: ChaosSettings,
    progress: &'a (dyn Fn(&str) + Sync),
    log_dir: &'a Path,
    schedule: Schedule,
    load: Load,
}

/// A run that came to its end.
pub(super) struct Ran {
    pub(super) figures: Figures,
    pub(super) violations: Vec<Violation>,
    pub(super) timeline: Vec<Event>,
}

/// What there is to judge.
struct Aftermath {
    sent: Sent,
    expected: Expected,
    found: Found,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        settings: ChaosSettings,
        progress: &'a (dyn Fn(&str) + Sync),
        log_dir: &'a Path,
    ) -> Self {
        let schedule = super::schedule(&settings);
        let load = Load::plan(settings.seed, settings.links, settings.span, &schedule.moments());
        Self { settings, progress, log_dir, schedule, load }
    }

    pub(super) async fn run(self) -> Result<Ran> {
        let started = Instant::now();
        (self.progress)("starting the broker, the store and linkrelay");
        let mut world = World::start(&self.settings, self.log_dir).await?;
        let timeline = Timeline::new(Instant::now());
        let mut violations = Vec::new();
        let sending = self.storm(&mut world, &timeline, &mut violations).await?;
        let mended = Instant::now();
        let aftermath = self.calm(&mut world, sending, &timeline, &mut violations).await?;
        let settle_seconds = mended.elapsed().as_secs_f64();
        (self.progress)("checking");
        let checked = check::check(&aftermath.expected, &aftermath.found);
        violations.extend(checked.violations);
        let mut figures = self.figures(&world, &aftermath, checked.tally);
        violations.extend(self.too_many_repeats(figures.repeated_percent));
        figures.violations = violations.len();
        figures.settle_seconds = settle_seconds;
        figures.total_seconds = started.elapsed().as_secs_f64();
        for (_, server) in &world.servers {
            server.keep_logs(self.log_dir)?;
        }
        world.fake.stop().await;
        Ok(Ran { figures, violations, timeline: timeline.events() })
    }

    /// Sends links while faults happen; ends when everything is mended.
    async fn storm(
        &self,
        world: &mut World,
        timeline: &Timeline,
        violations: &mut Vec<Violation>,
    ) -> Result<Sending> {
        let sending = Sending::start(&self.load, &world.addresses, timeline)?;
        let growth = partitions::grow(
            world.addresses.kafka.clone(),
            world.addresses.topic().to_owned(),
            self.schedule.growths(),
            timeline.clone(),
        );
        let servers = std::mem::take(&mut world.servers).into_iter();
        let following = servers.map(|(target, server)| {
            follow(target, server, self.schedule.steps(target), timeline.clone())
        });
        let faults = async { tokio::try_join!(growth, try_join_all(following)) };
        tokio::pin!(faults);
        let mut tick = interval(PROGRESS_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ((), followed) = loop {
            tokio::select! {
                ended = &mut faults => break ended?,
                _ = tick.tick() => self.report_storm(&sending, timeline),
            }
        };
        for Followed { target, server, complaints } in followed {
            world.servers.push((target, server));
            violations.extend(misbehaved(complaints));
        }
        // The broker, which is asked for by place, comes first.
        world.servers.sort_by_key(|(target, _)| *target != Target::Broker);
        timeline.note("everything is mended");
        Ok(sending)
    }

    fn report_storm(&self, sending: &Sending, timeline: &Timeline) {
        let now = timeline.begin().elapsed();
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

    /// Lets everything come to its end, stops linkrelay, and gathers what is there.
    async fn calm(
        &self,
        world: &mut World,
        sending: Sending,
        timeline: &Timeline,
        violations: &mut Vec<Violation>,
    ) -> Result<Aftermath> {
        let sent = sending.finish(self.progress).await?;
        timeline.note("everything is sent");
        let expected = self.promised(&sent, world.addresses.topic(), violations);
        let Some(((_, kafka), others)) = world.servers.split_first_mut() else {
            bail!("there is no server");
        };
        let broker = kafka.broker()?;
        let places = world.addresses.places();
        let settled = settle::until_settled(broker, others, &places, timeline, self.progress);
        violations.extend(settled.await?);
        let url = &world.addresses.producer_url;
        violations.extend(settle::check_statuses(url, &expected.requests).await);
        timeline.note("everything is settled");
        for (_, server) in others.iter_mut() {
            if let Server::Role(_) = server {
                violations.extend(misbehaved(server.perform(Act::Terminate).await?));
            }
        }
        let found = evidence::gather(broker, &places).await?;
        Ok(Aftermath { sent, expected, found })
    }

    /// What the answers promised; and what was wrong with the answers.
    fn promised(&self, sent: &Sent, topic: &str, violations: &mut Vec<Violation>) -> Expected {
        let mut expected = Expected {
            topic: topic.to_owned(),
            by_hand: sent.by_hand.clone(),
            ..Expected::default()
        };
        let mut ended = BTreeSet::new();
        for delivered in &sent.delivered {
            let request = &self.load.requests[delivered.place];
            let key = request.key.clone();
            match (&delivered.refused, delivered.ids.first()) {
                (None, Some(id)) => {
                    ended.insert(delivered.place);
                    let (id, links) = (id.clone(), request.links.clone());
                    expected.requests.push(AcknowledgedRequest { id, links });
                }
                (Some(answer), _) => {
                    violations
                        .push(Violation::Refused { key: key.clone(), answer: answer.clone() });
                }
                (None, None) => {}
            }
            if delivered.ids.len() > 1 {
                let ids = delivered.ids.iter().cloned().collect();
                violations.push(Violation::SeveralIds { key, ids });
            }
        }
        for (place, request) in self.load.requests.iter().enumerate() {
            if !ended.contains(&place) {
                violations.push(Violation::Unanswered { key: request.key.clone() });
                let links = request.links.iter().map(|link| link.link.clone());
                expected.unresolved_links.extend(links);
            }
        }
        expected
    }

    fn too_many_repeats(&self, percent: f64) -> Option<Violation> {
        let at_most = self.settings.max_repeats_percent?;
        (percent > at_most).then_some(Violation::TooManyRepeats { percent, at_most })
    }

    fn figures(&self, world: &World, aftermath: &Aftermath, tally: Tally) -> Figures {
        let Aftermath { sent, expected, found } = aftermath;
        let mut faults = BTreeMap::new();
        for planned in &self.schedule.faults {
            *faults.entry(planned.fault.label()).or_insert(0) += 1;
        }
        let asked = world.fake.hits().by_video;
        let repeated_extractions = repeated(&asked, expected, found, self.settings.seed);
        let repeated_percent = 100.0 * repeated_extractions as f64 / tally.links.max(1) as f64;
        Figures {
            seed: self.settings.seed,
            brokers: self.settings.brokers,
            protocol: self.settings.protocol,
            static_members: self.settings.has_static_members,
            faults,
            requests: self.load.requests.len(),
            posts: sent.posts_total,
            failed_posts: sent.failed_posts_total,
            records_by_hand: expected.by_hand.len(),
            tally,
            violations: 0,
            extractions: asked.values().sum(),
            repeated_extractions,
            repeated_percent,
            schedule_seconds: self.schedule.span.as_secs_f64(),
            settle_seconds: 0.0,
            total_seconds: 0.0,
        }
    }
}

/// Requests beyond what each record in the topic needs once, with its planned failures.
fn repeated(asked: &BTreeMap<String, u64>, expected: &Expected, found: &Found, seed: u64) -> u64 {
    let fates = Fates::new(seed);
    let due = check::links_by_video(expected, found);
    let beyond = asked.iter().map(|(video_id, asked)| {
        let due = due.get(video_id).copied().unwrap_or(0) + fates.failing_requests(video_id);
        asked.saturating_sub(due)
    });
    beyond.sum()
}

fn misbehaved(complaints: impl IntoIterator<Item = String>) -> impl Iterator<Item = Violation> {
    complaints.into_iter().map(|complaint| Violation::Misbehaved { complaint })
}
