//! What the service manager is sent: sd_notify(3), for units of `Type=notify` and `Type=notify-reload`. Written here, in a few
//! lines, as the library sd-notify knows no abstract socket (`@name`), which the protocol has.

use nix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The service manager, where there is one.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceManager {
    /// It knows that the server listens, and not that it stops.
    ready: Arc<AtomicBool>,
}

impl ServiceManager {
    /// The server listens.
    pub(crate) fn ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
        notify("READY=1");
    }

    /// The server begins to stop.
    pub(crate) fn stopping(&self) {
        self.ready.store(false, Ordering::Relaxed);
        notify("STOPPING=1");
    }

    /// Does `reload`. The end of a reload is a second READY=1, which must not come from a server that does not listen.
    pub(crate) fn reload(&self, reload: impl FnOnce()) {
        if !self.ready.load(Ordering::Relaxed) {
            return reload();
        }
        match clock_gettime(ClockId::CLOCK_MONOTONIC) {
            Ok(now) => {
                notify(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec() * 1_000_000 + now.tv_nsec() / 1000))
            }
            Err(error) => tracing::warn!("no time for the service manager: {error}"),
        }
        reload();
        notify("READY=1");
    }
}

fn notify(state: &str) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return };
    if let Err(error) = send(&name, state) {
        tracing::warn!("cannot send {state} to the service manager: {error}");
    }
}

fn send(name: &OsStr, state: &str) -> io::Result<()> {
    let address = match name.as_bytes() {
        [b'@', hidden @ ..] => abstract_address(hidden)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let sent = UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
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
