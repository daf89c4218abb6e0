//! The syslog daemon's socket. As in RFC 3164, without a time and a host: the daemon knows both. A line that cannot be
//! delivered goes to stderr.

use crate::process::output;
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// Facility "daemon".
const DAEMON: u8 = 3 << 3;
/// All connections wait while a line is written, so a daemon that does not read loses lines. After the first, none waits until one is
/// taken again.
const PATIENCE: Duration = Duration::from_millis(50);

/// A connection that is made anew when the daemon was restarted.
#[derive(Clone, Debug)]
pub(crate) struct Syslog {
    path: PathBuf,
    socket: Arc<Mutex<Option<Open>>>,
}

#[derive(Debug)]
struct Open {
    socket: UnixDatagram,
    /// It had no room for the last line, and is not waited for.
    full: bool,
}

impl Open {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let sent = self.socket.send(message);
        let full = sent.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        if full != self.full {
            self.socket.set_nonblocking(full)?;
            self.full = full;
        }
        sent.map(drop)
    }
}

impl Syslog {
    pub(crate) fn connect(path: &Path) -> io::Result<Syslog> {
        Ok(Syslog { path: path.into(), socket: Arc::new(Mutex::new(Some(open(path)?))) })
    }

    fn send(&self, severity: u8, text: &[u8]) -> io::Result<()> {
        let mut message = format!("<{}>gearmand[{}]: ", DAEMON | severity, std::process::id()).into_bytes();
        message.extend_from_slice(text.trim_ascii_end());
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = &mut *socket {
            match open.send(&message) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => *socket = None,
                sent => return sent,
            }
        }
        let mut new = open(&self.path)?;
        new.send(&message)?;
        *socket = Some(new);
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<Open> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(Open { socket, full: false })
}

/// One line of the log.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    syslog: &'a Syslog,
    severity: u8,
}

impl Write for Line<'_> {
    /// Called once for each line. One that cannot be delivered goes to stderr.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match self.syslog.send(self.severity, text) {
            Ok(()) => Ok(text.len()),
            Err(_) => output::to_stderr(text).map(|()| text.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Syslog {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { syslog: self, severity: 6 }
    }

    fn make_writer_for(&'a self, event: &tracing::Metadata<'_>) -> Line<'a> {
        let severity = match crate::process::log::name(event) {
            "ERROR" => 3,
            "WARNING" => 4,
            "NOTICE" => 5,
            "INFO" => 6,
            _ => 7,
        };
        Line { syslog: self, severity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::fcntl::{FcntlArg, OFlag, fcntl};

    fn daemon(path: &Path) -> UnixDatagram {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket
    }

    fn next(daemon: &UnixDatagram) -> String {
        let mut room = [0; 1024];
        let n = daemon.recv(&mut room).unwrap();
        String::from_utf8(room[..n].to_vec()).unwrap()
    }

    #[test]
    fn lines_arrive_also_after_the_daemon_was_restarted() {
        let path = std::env::temp_dir().join(format!("gearmand-syslog-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        assert_eq!(Syslog::connect(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        let first = daemon(&path);
        let syslog = Syslog::connect(&path).unwrap();
        syslog.send(3, b"one\n").unwrap();
        assert_eq!(next(&first), format!("<27>gearmand[{}]: one", std::process::id()));
        drop(first);
        std::fs::remove_file(&path).unwrap();
        assert!(syslog.send(3, b"lost\n").is_err());
        let second = daemon(&path);
        syslog.send(6, b"two\n").unwrap();
        assert_eq!(next(&second), format!("<30>gearmand[{}]: two", std::process::id()));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_daemon_that_does_not_read_loses_lines() {
        let path = std::env::temp_dir().join(format!("gearmand-deaf-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let deaf = daemon(&path);
        let syslog = Syslog::connect(&path).unwrap();
        let full = || (0..100_000).find_map(|_| syslog.send(6, &[b'x'; 1000]).err()).unwrap();
        // Each line waited, so that ten connections a second stopped all.
        let waits = || {
            let flags = fcntl(&syslog.socket.lock().unwrap().as_ref().unwrap().socket, FcntlArg::F_GETFL).unwrap();
            !OFlag::from_bits_retain(flags).contains(OFlag::O_NONBLOCK)
        };
        assert!(waits());
        for _ in 0..2 {
            assert_eq!(full().kind(), io::ErrorKind::WouldBlock);
            assert!(!waits());
        }
        next(&deaf);
        syslog.send(6, b"heard again").unwrap();
        assert!(waits());
        std::fs::remove_file(&path).unwrap();
    }
}
