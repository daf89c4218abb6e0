//! What the system knows of a process: its memory and its time on processors.

use nix::unistd::{SysconfVar, sysconf};
use std::time::Duration;

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in memory.
    pub memory: u64,
    /// Time on processors.
    pub cpu: Duration,
}

impl Usage {
    /// Of this process; `None` where it is gone, or the system does not tell.
    pub fn of(pid: u32) -> Option<Usage> {
        let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|n| u64::try_from(n).ok()).unwrap_or(100);
        // Its name need not be UTF-8.
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|n| u64::try_from(n).ok()).unwrap_or(4096);
        Usage::read(&String::from_utf8_lossy(&stat), ticks, page)
    }

    /// From the text of /proc/PID/stat: proc(5).
    fn read(stat: &str, ticks: u64, page: u64) -> Option<Usage> {
        // Behind the name, which may hold anything; the first field there is the third.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let number = |n: usize| fields.get(n - 3)?.parse::<u64>().ok();
        let spent = number(14)? + number(15)?;
        Some(Usage { memory: number(24)? * page, cpu: Duration::from_millis(spent * 1000 / ticks.max(1)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    #[test]
    fn what_the_system_tells() {
        let stat = "12 (a) b) S 1 12 12 0 -1 4194560 99 0 0 0 150 50 7 7 20 0 1 0 100 8192 3 18446744073709551615";
        let usage = Usage { memory: 3 * 4096, cpu: Duration::from_secs(2) };
        assert_eq!(Usage::read(stat, 100, 4096), Some(usage));
        assert!(Usage::of(std::process::id()).unwrap().memory > 100_000);
        assert_eq!(Usage::of(u32::MAX), None);
    }

    #[test]
    fn a_process_may_have_any_name() {
        let name = format!("gearman-runner-{}-", std::process::id()).into_bytes();
        let link = std::env::temp_dir().join(OsStr::from_bytes(&[b"\xff", &name[..]].concat()));
        std::os::unix::fs::symlink("/bin/sleep", &link).unwrap();
        let mut process = Command::new(&link).arg("1000").spawn().unwrap();
        let usage = Usage::of(process.id());
        process.kill().and_then(|()| process.wait()).unwrap();
        std::fs::remove_file(&link).unwrap();
        assert!(usage.is_some());
    }
}
