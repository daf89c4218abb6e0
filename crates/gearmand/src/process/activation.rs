//! Socket activation, sd_listen_fds(3): sockets that whoever starts the server opened for it. They are listened on instead
//! of those that `--listen` and `--port` name. Whoever opened them has them, too: connections that come while
//! one server ends and the next starts wait, and none is refused. No socket is made or removed here.

use gearmand::Listener;
use listenfd::ListenFd;
use socket2::SockRef;
use std::os::fd::AsFd;

/// The first descriptor that is given.
const FIRST: usize = 3;

/// The sockets that this process was given; it must have no other thread, as the environment is changed. They outlive a
/// fork, so that `--daemon` has them as well.
pub(crate) fn take() -> Result<Vec<Listener>, String> {
    // The library does without it, systemd never: the rest may be meant for another process.
    if std::env::var_os("LISTEN_PID").is_none_or(|pid| pid.is_empty()) {
        return Ok(Vec::new());
    }
    let mut given = ListenFd::from_env();
    (0..given.len()).map(|i| listener(&mut given, i)).collect()
}

fn listener(given: &mut ListenFd, i: usize) -> Result<Listener, String> {
    let wrong = |what: &str| format!("LISTEN_FDS: descriptor {} is {what}", FIRST + i);
    let listener = match given.take_tcp_listener(i) {
        Ok(Some(tcp)) => Listener::Tcp(tcp),
        _ => match given.take_unix_listener(i) {
            Ok(Some(unix)) => Listener::Unix(None, unix),
            _ => return Err(wrong("neither a TCP nor a Unix stream socket")),
        },
    };
    let descriptor = match &listener {
        Listener::Tcp(tcp) | Listener::Tls(_, tcp) => tcp.as_fd(),
        Listener::Unix(_, unix) => unix.as_fd(),
    };
    match SockRef::from(&descriptor).is_listener() {
        Ok(true) => Ok(listener),
        Ok(false) => Err(wrong("a socket that nobody listens on; a .socket unit must not have Accept=yes")),
        Err(error) => Err(wrong(&format!("unusable: {error}"))),
    }
}
