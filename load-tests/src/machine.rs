//! What the machine did meanwhile: a figure from a machine that others use says little without
//! it.
//!
//! Everything is read from `/proc`, so it works on Linux alone.

use std::collections::HashMap;
use std::fs;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// The kernel's USER_HZ: what `/proc` counts in, 100 on every architecture of today.
const TICKS_PER_SECOND: f64 = 100.0;

/// The machine itself.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Processors that this process may use.
    pub cpus: usize,
    /// As the kernel calls the first of them.
    pub cpu_model: String,
    /// All of it.
    pub memory_mib: u64,
    /// Its release.
    pub kernel: String,
}

impl Machine {
    /// Looks.
    pub fn describe() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let (cpuinfo, meminfo) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
        let total_kib = field(&meminfo, "MemTotal:").and_then(|text| text.parse::<u64>().ok());
        let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
        Self {
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            cpu_model: model
                .and_then(|line| line.split_once(": "))
                .map_or_else(String::new, |(_, model)| model.to_owned()),
            memory_mib: total_kib.unwrap_or(0) / 1_024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

/// Who used how many processors over a stretch of time.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Load {
    /// This process.
    pub own_cpus: f64,
    /// The processes that this one started: broker, store, roles.
    pub children_cpus: f64,
    /// Everybody else. Far from 0, the figures beside it are too low.
    pub others_cpus: f64,
    /// Of the last minute, at the end.
    pub load_average: f64,
    /// How long the stretch was.
    pub seconds: f64,
}

/// Measures a [`Load`] from its start on.
#[derive(Debug)]
pub struct LoadMeter {
    started: Instant,
    before: Ticks,
}

/// Processor time so far, in clock ticks.
#[derive(Debug, Clone, Copy, Default)]
struct Ticks {
    busy: u64,
    own: u64,
    children: u64,
}

impl LoadMeter {
    /// Starts to measure.
    ///
    /// # Errors
    /// If there is no `/proc`.
    pub fn start() -> Result<Self> {
        Ok(Self { started: Instant::now(), before: Ticks::now()? })
    }

    /// The load since the start.
    ///
    /// # Errors
    /// If there is no `/proc`.
    pub fn load(&self) -> Result<Load> {
        let after = Ticks::now()?;
        let seconds = self.started.elapsed().as_secs_f64();
        let cpus = |before: u64, after: u64| {
            after.saturating_sub(before) as f64 / TICKS_PER_SECOND / seconds
        };
        let own_cpus = cpus(self.before.own, after.own);
        let children_cpus = cpus(self.before.children, after.children);
        let busy_cpus = cpus(self.before.busy, after.busy);
        Ok(Load {
            own_cpus,
            children_cpus,
            others_cpus: (busy_cpus - own_cpus - children_cpus).max(0.0),
            load_average: load_average()?,
            seconds,
        })
    }
}

impl Ticks {
    fn now() -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
        // user nice system idle iowait irq softirq steal
        let all: Vec<u64> = stat
            .lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|number| number.parse().ok())
            .collect();
        let idle: u64 = all.iter().skip(3).take(2).sum();
        let busy = all.iter().take(8).sum::<u64>() - idle;
        let processes = processes()?;
        let own_pid = std::process::id();
        let own = processes.get(&own_pid).copied().unwrap_or_default();
        let is_child = |pid: &u32| is_descendant(*pid, own_pid, &processes);
        let living = processes.keys().filter(|pid| is_child(pid)).map(|pid| processes[pid]);
        let children = own.ended_children
            + living.map(|child| child.ticks + child.ended_children).sum::<u64>();
        Ok(Self { busy, own: own.ticks, children })
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct ProcessTicks {
    parent: u32,
    ticks: u64,
    /// Of its children that have ended.
    ended_children: u64,
}

fn processes() -> Result<HashMap<u32, ProcessTicks>> {
    let entries = fs::read_dir("/proc").context("reading /proc")?;
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    // A process may end between the two looks.
    Ok(pids.filter_map(|pid| Some((pid, process(pid)?))).collect())
}

fn process(pid: u32) -> Option<ProcessTicks> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything, also brackets.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(ProcessTicks {
        parent: u32::try_from(number(1)?).ok()?,
        ticks: number(11)? + number(12)?,
        ended_children: number(13)? + number(14)?,
    })
}

fn is_descendant(pid: u32, ancestor: u32, processes: &HashMap<u32, ProcessTicks>) -> bool {
    let mut at = pid;
    while let Some(process) = processes.get(&at) {
        if process.parent == ancestor {
            return true;
        }
        at = process.parent;
    }
    false
}

/// What a process has in memory, in bytes.
///
/// # Errors
/// If there is no such process.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("reading the memory of process {pid}"))?;
    let kib = field(&status, "VmRSS:").and_then(|text| text.parse::<u64>().ok());
    Ok(kib.context("no VmRSS in its status")? * 1_024)
}

fn load_average() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg").context("reading /proc/loadavg")?;
    text.split(' ').next().and_then(|word| word.parse().ok()).context("no load average")
}

/// The first word after a name at the beginning of a line.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_has_used_time_and_memory() {
        assert!(resident_bytes(std::process::id()).unwrap() > 100_000);
        let meter = LoadMeter::start().unwrap();
        // Until the kernel has counted it: a tick is 10 ms of work.
        while meter.load().unwrap().own_cpus == 0.0 {}
        let machine = Machine::describe();
        assert!(machine.cpus > 0 && machine.memory_mib > 0 && !machine.kernel.is_empty());
    }

    #[test]
    fn a_child_that_has_ended_is_still_counted() {
        let meter = LoadMeter::start().unwrap();
        // More than a tick of work.
        let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let ended = std::process::Command::new("sh").args(["-c", script]).status().unwrap();
        assert!(ended.success() && meter.load().unwrap().children_cpus > 0.0);
    }

    #[test]
    fn grandchildren_are_descendants_and_strangers_are_not() {
        let process = |parent| ProcessTicks { parent, ticks: 1, ended_children: 0 };
        let processes =
            HashMap::from([(1, process(0)), (7, process(1)), (8, process(7)), (9, process(8))]);
        assert!(is_descendant(9, 7, &processes) && is_descendant(8, 7, &processes));
        assert!(!is_descendant(7, 7, &processes) && !is_descendant(1, 7, &processes));
    }
}
