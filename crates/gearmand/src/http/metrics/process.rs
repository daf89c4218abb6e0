//! What the system knows of the process.

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use std::time::Duration;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Process {
    /// Bytes in memory; `None` where the system does not tell.
    pub(crate) resident: Option<u64>,
    /// Bytes that have addresses.
    pub(crate) virtual_memory: Option<u64>,
    /// Most descriptors that it may have.
    pub(crate) descriptors: Option<u64>,
    /// Time on processors.
    pub(crate) cpu: Duration,
}

impl Process {
    pub(crate) fn read() -> Process {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let cpu = getrusage(UsageWho::RUSAGE_SELF).map(|usage| {
            [usage.user_time(), usage.system_time()]
                .map(|time| Duration::from_micros((time.tv_sec() as u64) * 1_000_000 + time.tv_usec() as u64))
        });
        Process {
            resident: field(&status, "VmRSS:"),
            virtual_memory: field(&status, "VmSize:"),
            descriptors: getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft),
            cpu: cpu.map(|[user, system]| user + system).unwrap_or_default(),
        }
    }
}

/// A line of that file: `VmRSS:      5120 kB`.
fn field(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_of_this_process() {
        let Process { resident, virtual_memory, .. } = Process::read();
        assert!(resident > Some(100_000) && virtual_memory >= resident, "{resident:?} {virtual_memory:?}");
        assert_eq!(field("Name:\tx\nVmRSS:\t    12 kB\n", "VmRSS:"), Some(12 * 1024));
        assert_eq!(field("Name:\tx\n", "VmRSS:"), None);
    }
}
