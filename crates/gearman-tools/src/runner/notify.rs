//! What the service manager is sent: sd_notify(3), for units of `Type=notify` and `Type=notify-reload`, and how often it wants to hear
//! that the runner is at work (`WatchdogSec=`).
//!
//! Owns the socket. It is opened once, before there are processes: later they may have taken all descriptors, and a runner that is silent
//! for want of one would be killed.

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

/// Who is told, where the environment names somebody.
#[derive(Debug)]
pub struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Manager {
    /// The one of the environment; `None`: nobody wants to be told. No process that is started later has the socket as well.
    ///
    /// # Errors
    /// The system's.
    pub fn find() -> io::Result<Option<Manager>> {
        let name = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        name.map(|name| Manager::at(&name)).transpose()
    }

    fn at(name: &OsStr) -> io::Result<Manager> {
        let address = match name.as_bytes() {
            [b'@', hidden @ ..] => abstract_address(hidden)?,
            _ => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        // Nobody who supervises may wait.
        socket.set_nonblocking(true)?;
        Ok(Manager { socket, address })
    }

    /// Sends it a state.
    ///
    /// # Errors
    /// The system's.
    pub fn tell(&self, state: &str) -> io::Result<()> {
        let sent = self.socket.send_to_addr(state.as_bytes(), &self.address)?;
        if sent == state.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }
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
