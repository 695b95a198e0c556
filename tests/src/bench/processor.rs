//! What a process takes, as the Linux kernel tells it. Elsewhere nothing is told, and figures go without.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Whose processor time counts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose {
    /// All threads of a process.
    Process(u32),
    /// The threads of this process that have this name, which has at most 15 bytes.
    OwnThreads(&'static str),
}

/// Processor time from a start on.
pub(super) struct Meter {
    whose: Whose,
    at_start: Option<BTreeMap<String, u64>>,
}

impl Meter {
    pub(super) fn start(whose: Whose) -> Self {
        Self { whose, at_start: threads(whose) }
    }

    /// What the threads took that are there now; one that ended took what it took with it.
    pub(super) fn spent(&self) -> Option<Duration> {
        let before = self.at_start.as_ref()?;
        let after = threads(self.whose)?;
        let spent = after.iter().map(|(thread, ns)| ns - before.get(thread).unwrap_or(&0)).sum();
        Some(Duration::from_nanos(spent))
    }
}

/// Nanoseconds on a processor, by thread.
fn threads(whose: Whose) -> Option<BTreeMap<String, u64>> {
    let (process, wanted) = match whose {
        Whose::Process(id) => (id.to_string(), None),
        Whose::OwnThreads(name) => ("self".to_owned(), Some(name)),
    };
    let tasks: Vec<PathBuf> =
        fs::read_dir(format!("/proc/{process}/task")).ok()?.flatten().map(|entry| entry.path()).collect();
    let is_wanted = |task: &PathBuf| {
        wanted.is_none_or(|name| fs::read_to_string(task.join("comm")).is_ok_and(|found| found.trim_end() == name))
    };
    // A thread may end while it is looked at.
    let time = |task: PathBuf| Some((task.file_name()?.to_str()?.to_owned(), nanoseconds(task.join("schedstat"))?));
    let times: BTreeMap<_, _> = tasks.into_iter().filter(is_wanted).filter_map(time).collect();
    (!times.is_empty()).then_some(times)
}

/// Processor time of the calling thread.
pub(super) fn of_this_thread() -> Option<Duration> {
    nanoseconds("/proc/thread-self/schedstat".into()).map(Duration::from_nanos)
}

fn nanoseconds(schedstat: PathBuf) -> Option<u64> {
    fs::read_to_string(schedstat).ok()?.split(' ').next()?.parse().ok()
}

/// Memory of a process that is not backed by files, in bytes: what it asked for and holds.
pub(super) fn own_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?.trim().strip_suffix(" kB")?;
    kibibytes.parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}
