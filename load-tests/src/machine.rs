//! What the machine did during a measurement: without it, a figure from a machine that other
//! programs use says little.
//!
//! Everything is read from `/proc`, so it works only on Linux.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use procfs::process::{Process, Stat, all_processes};
use procfs::{CpuInfo, Current as _, CurrentSI as _, KernelStats, LoadAverage, Meminfo};
use serde::Serialize;

/// The machine itself.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpus: usize,
    /// The kernel's name of the first of them.
    pub(crate) cpu_model: String,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
}

impl Machine {
    /// Reads what the kernel says; what it does not say is empty or 0.
    pub(crate) fn describe() -> Self {
        let model = CpuInfo::current().ok().and_then(|cpus| cpus.model_name(0).map(str::to_owned));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            cpu_model: model.unwrap_or_default(),
            memory_mib: Meminfo::current().map_or(0, |memory| memory.mem_total / (1 << 20)),
            kernel: kernel.trim().to_owned(),
        }
    }
}

/// How many processors were used during a time.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Load {
    /// By this process.
    pub(crate) own_cpus: f64,
    /// By the processes that this one started: broker, store, roles.
    pub(crate) children_cpus: f64,
    /// By all other processes. If this is far from 0, the measured figures are too low.
    pub(crate) others_cpus: f64,
    /// The load average of the last minute, at the end.
    pub(crate) load_average: f64,
    pub(crate) seconds: f64,
}

/// Measures a [`Load`] from its start.
#[derive(Debug)]
pub(crate) struct LoadMeter {
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
    pub(crate) fn start() -> Result<Self> {
        Ok(Self { started: Instant::now(), before: Ticks::now()? })
    }

    /// Returns the load since the start.
    pub(crate) fn load(&self) -> Result<Load> {
        let after = Ticks::now()?;
        let seconds = self.started.elapsed().as_secs_f64();
        let cpus = |before: u64, after: u64| {
            after.saturating_sub(before) as f64 / procfs::ticks_per_second() as f64 / seconds
        };
        let own_cpus = cpus(self.before.own, after.own);
        let children_cpus = cpus(self.before.children, after.children);
        let busy_cpus = cpus(self.before.busy, after.busy);
        Ok(Load {
            own_cpus,
            children_cpus,
            others_cpus: (busy_cpus - own_cpus - children_cpus).max(0.0),
            // The kernel gives two decimals.
            load_average: (f64::from(LoadAverage::current()?.one) * 100.0).round() / 100.0,
            seconds,
        })
    }
}

impl Ticks {
    fn now() -> Result<Self> {
        let all = KernelStats::current().context("reading /proc/stat")?.total;
        let interrupts = [all.irq, all.softirq, all.steal].into_iter().flatten().sum::<u64>();
        let busy = all.user + all.nice + all.system + interrupts;
        // A process can end between the two reads.
        let stats: Vec<Stat> = all_processes()
            .context("reading /proc")?
            .filter_map(|process| process.ok()?.stat().ok())
            .collect();
        let parents = stats.iter().map(|stat| (stat.pid, stat.ppid)).collect();
        let own_pid = Process::myself()?.pid();
        let (mut own, mut children) = (0, 0);
        for stat in &stats {
            let ticks = stat.utime + stat.stime;
            let ended_children = (stat.cutime + stat.cstime).unsigned_abs();
            if stat.pid == own_pid {
                own = ticks;
                children += ended_children;
            } else if is_descendant(stat.pid, own_pid, &parents) {
                children += ticks + ended_children;
            }
        }
        Ok(Self { busy, own, children })
    }
}

fn is_descendant(mut pid: i32, ancestor: i32, parents: &HashMap<i32, i32>) -> bool {
    while let Some(parent) = parents.get(&pid) {
        if *parent == ancestor {
            return true;
        }
        pid = *parent;
    }
    false
}

/// Returns the processor time that a process has used.
pub(crate) fn processor_time(pid: u32) -> Result<Duration> {
    let stat = Process::new(pid.try_into()?)
        .and_then(|process| process.stat())
        .with_context(|| format!("reading the processor time of process {pid}"))?;
    let ticks = (stat.utime + stat.stime) as f64;
    Ok(Duration::from_secs_f64(ticks / procfs::ticks_per_second() as f64))
}

/// Returns the resident memory of a process in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64> {
    let status = Process::new(pid.try_into()?)
        .and_then(|process| process.status())
        .with_context(|| format!("reading the memory of process {pid}"))?;
    Ok(status.vmrss.context("no VmRSS in its status")? * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_has_used_time_and_memory() {
        let own = std::process::id();
        assert!(resident_bytes(own).unwrap() > 100_000);
        let meter = LoadMeter::start().unwrap();
        // Until the kernel has counted it: a tick is 10 ms of work.
        while meter.load().unwrap().own_cpus == 0.0 {}
        assert!(processor_time(own).unwrap() > Duration::ZERO);
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
    fn grandchildren_are_descendants_and_other_processes_are_not() {
        let processes = HashMap::from([(1, 0), (7, 1), (8, 7), (9, 8)]);
        assert!(is_descendant(9, 7, &processes) && is_descendant(8, 7, &processes));
        assert!(!is_descendant(7, 7, &processes) && !is_descendant(1, 7, &processes));
    }
}
