//! What the service manager is sent: sd_notify(3), for units of `Type=notify` and `Type=notify-reload`, and how often it wants to hear
//! that the runner is at work (`WatchdogSec=`).

use nix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Processes are being started.
pub const READY: &str = "READY=1";
/// All are being stopped.
pub const STOPPING: &str = "STOPPING=1";
/// The runner is at work.
pub const ALIVE: &str = "WATCHDOG=1";

/// The configuration is being read again, since now.
pub fn reloading() -> String {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).ok();
    let microseconds = now.map_or(0, |now| now.tv_sec() * 1_000_000 + now.tv_nsec() / 1000);
    format!("RELOADING=1\nMONOTONIC_USEC={microseconds}")
}

/// Sends a state, where somebody wants it.
///
/// # Errors
/// The system's.
pub fn notify(state: &str) -> io::Result<()> {
    match std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) {
        Some(name) => send(&name, state),
        None => Ok(()),
    }
}

fn send(name: &OsStr, state: &str) -> io::Result<()> {
    let address = match name.as_bytes() {
        [b'@', hidden @ ..] => abstract_address(hidden)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    // Nobody who supervises may wait.
    socket.set_nonblocking(true)?;
    let sent = socket.send_to_addr(state.as_bytes(), &address)?;
    if sent == state.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

/// How often [`ALIVE`] is to be sent, where it is: twice as often as it is looked for.
pub fn watchdog() -> Option<Duration> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    number("WATCHDOG_USEC").filter(|n| ours && *n > 0).map(|n| Duration::from_micros(n / 2))
}
