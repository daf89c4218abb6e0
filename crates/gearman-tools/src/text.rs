//! The text protocol from the asking side: one line goes, one line or a list that ends in a line with
//! a dot comes. Blocking: there is nothing else to do meanwhile.

use crate::error::Result;
use crate::tls::TlsStream;
use gearman_core::net::address::{Address, ServerAddress};
use gearman_core::net::tls::{Failure, TlsSettings};
use gearman_core::protocol::{admin, answer};
use gearman_core::{Error, MAX_PACKET};
use std::fmt::Debug;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection to a server's text side.
#[derive(Debug)]
pub struct Session {
    stream: Box<dyn Stream>,
    /// Host and port, or path, for messages.
    server: String,
    /// Longest silence.
    patience: Duration,
    /// Largest answer, in bytes.
    limit: usize,
    /// When all answers have to be there.
    deadline: Option<Instant>,
    /// What was read and belongs to no answer yet.
    inbox: Vec<u8>,
}

trait Stream: Read + Write + Debug + Send {
    /// So long each read and each write may wait from now on.
    fn set_patience(&self, patience: Duration) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(patience))?;
        self.set_write_timeout(Some(patience))
    }
}

impl Stream for UnixStream {
    fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(patience))?;
        self.set_write_timeout(Some(patience))
    }
}

impl Stream for TlsStream {
    fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.socket().set_patience(patience)
    }
}

impl Session {
    /// Connects to the first of the server's addresses that accepts, and speaks TLS where there are settings for it.
    /// `patience` is the longest silence of the server later; all its addresses together have as long to accept.
    ///
    /// # Errors
    /// [`Error::Resolve`]; [`Error::Connect`] or [`Error::Tls`] with what the last address said.
    pub fn connect(server: &ServerAddress, tls: Option<TlsSettings>, patience: Duration) -> Result<Session> {
        Session::connect_to(server, &server.resolve()?, tls, patience)
    }

    /// The same of a server whose addresses are known. Each has an equal share of the time that those before it have left, since what
    /// hangs must leave time to those behind it.
    fn connect_to(
        server: &ServerAddress,
        addresses: &[Address],
        tls: Option<TlsSettings>,
        patience: Duration,
    ) -> Result<Session> {
        let name = server.to_string();
        let tls = tls.map(Arc::new);
        let deadline = Instant::now() + patience;
        let mut failed = Error::Connect { server: name.clone(), reason: "no address".into() };
        for (n, address) in addresses.iter().enumerate() {
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now) / (addresses.len() - n) as u32;
            match open(server, address, tls.as_ref(), now + share, patience) {
                Ok(stream) => {
                    let (limit, inbox) = (MAX_PACKET, Vec::new());
                    return Ok(Session { stream, server: name, patience, limit, deadline: None, inbox });
                }
                Err(error) => failed = error,
            }
        }
        Err(failed.into())
    }

    /// From now on an answer has so many bytes at most, and all of them are there by then: silence alone does not bound what
    /// says a little again and again.
    pub fn bound(&mut self, limit: usize, deadline: Instant) {
        (self.limit, self.deadline) = (limit, Some(deadline));
    }

    /// Sends a command and waits for the whole answer, which comes as it was sent.
    ///
    /// # Errors
    /// [`Error::Argument`] for what is more than one line; [`Error::Timeout`] when the server says nothing for
    /// longer than the session's patience, or has not come to an end by its deadline; [`Error::Lost`] when it closes the connection,
    /// sends half an answer, or one that is too large.
    pub fn ask(&mut self, command: &str) -> Result<Vec<u8>> {
        if command.contains(['\r', '\n', '\0']) {
            return Err(Error::Argument("a name in a text command holds no line ends and no NUL bytes").into());
        }
        let sent = self.stream.write_all(format!("{command}\r\n").as_bytes()).and_then(|()| self.stream.flush());
        if let Err(e) = sent {
            // Who refuses us has said why before it closed.
            return match self.read() {
                Err(error @ crate::Error::Gearman(Error::Tls { .. })) => Err(error),
                _ => Err(self.broken(&e).into()),
            };
        }
        // Up to here no end was found, so that long lists are looked through once.
        let (mut seen, begun) = (0, Instant::now());
        loop {
            if let Some(end) = answer::end(&self.inbox, seen, admin::is_listing(command)) {
                let rest = self.inbox.split_off(end);
                return Ok(std::mem::replace(&mut self.inbox, rest));
            }
            seen = self.inbox.len();
            if seen > self.limit {
                let reason = format_args!("it was given up: an answer of more than {} bytes is none", self.limit);
                return Err(Error::lost(&self.server, reason).into());
            }
            if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(self.silent(begun).into());
            }
            self.read()?;
        }
    }

    fn read(&mut self) -> Result<()> {
        let begun = Instant::now();
        let mut room = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut room) {
                Ok(0) => {
                    let reason = match self.inbox.is_empty() {
                        true => "the server closed the connection without an answer",
                        false => "the server closed the connection in the middle of its answer",
                    };
                    return Err(Error::lost(&self.server, reason).into());
                }
                Ok(n) => {
                    self.inbox.extend_from_slice(&room[..n]);
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted && begun.elapsed() < self.patience => {}
                // What SO_RCVTIMEO reports.
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Err(self.silent(begun).into());
                }
                Err(e) => return Err(self.broken(&e).into()),
            }
        }
    }

    fn silent(&self, begun: Instant) -> Error {
        Error::Timeout { server: self.server.clone(), waited: begun.elapsed().as_millis() as u64 }
    }

    fn broken(&self, e: &io::Error) -> Error {
        match e.get_ref().and_then(|inner| inner.downcast_ref::<Failure>()) {
            Some(Failure { reason, refused: true }) => {
                Error::Tls { server: self.server.clone(), reason: reason.clone() }
            }
            _ => Error::lost(&self.server, reason(e)),
        }
    }
}

/// It must accept, and agree on TLS, by `deadline`; `patience` is for what comes after that.
fn open(
    server: &ServerAddress,
    address: &Address,
    tls: Option<&Arc<TlsSettings>>,
    deadline: Instant,
    patience: Duration,
) -> gearman_core::Result<Box<dyn Stream>> {
    let failed = |e: io::Error| Error::Connect { server: server.to_string(), reason: reason(&e) };
    // To the system, no time at all is an error.
    let left = || deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let stream: Box<dyn Stream> = match address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect_timeout(address, left()).map_err(failed)?;
            match tls {
                Some(settings) => {
                    stream.set_patience(left()).map_err(failed)?;
                    Box::new(TlsStream::connect(stream, settings.clone(), server)?)
                }
                None => Box::new(stream),
            }
        }
        Address::Unix(path) => Box::new(UnixStream::connect(path).map_err(failed)?),
    };
    stream.set_patience(patience).map_err(failed)?;
    Ok(stream)
}

/// The system's words without the number that Rust puts behind them.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((words, _)) => words.into(),
        None => text,
    }
}

/// What the user is shown of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// On standard output.
    Said(&'a [u8]),
    /// On standard error: the server would not do it.
    Refused(&'a [u8]),
}

impl<'a> Answer<'a> {
    /// Cuts an answer as C does (util/operation.cc): `OK` alone and in front goes, `ERR` in front becomes
    /// a refusal, everything else is shown as it is.
    pub fn read(answer: &'a [u8]) -> Answer<'a> {
        match answer {
            b"OK\r\n" => Answer::Said(b"OK\n"),
            [b'O', b'K', b' ', rest @ ..] => Answer::Said(rest),
            [b'E', b'R', b'R', b' ', rest @ ..] => Answer::Refused(rest),
            all => Answer::Said(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use tokio::net::TcpSocket;

    /// The first address of a name had all the time there is: one that was silent from then on, as an IPv6 address that leads nowhere,
    /// left gearman-runner none to ask, so that it never heard that server.
    #[tokio::test]
    async fn an_address_that_hangs_leaves_time_to_those_behind_it() {
        let patience = Duration::from_secs(5);
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        // Its queue is full, and nobody accepts.
        let listener = socket.listen(0).unwrap();
        let hangs = listener.local_addr().unwrap();
        let _filler = TcpStream::connect(hangs).unwrap();
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let addresses = [hangs, good.local_addr().unwrap()].map(Address::Tcp);
        let server = std::thread::spawn(move || {
            let mut stream = good.accept().unwrap().0;
            let mut line = [0; 9];
            stream.read_exact(&mut line).unwrap();
            stream.write_all(b"OK 7\r\n").unwrap();
            line
        });
        let deadline = Instant::now() + patience;
        let name = ServerAddress::new("jobs.example", 0).unwrap();
        let mut session = Session::connect_to(&name, &addresses, None, patience).unwrap();
        session.bound(MAX_PACKET, deadline);
        assert_eq!(session.ask("version").unwrap(), b"OK 7\r\n");
        assert_eq!(&server.join().unwrap(), b"version\r\n");
    }

    #[test]
    fn answers_are_cut_as_in_c() {
        assert_eq!(Answer::read(b"OK\r\n"), Answer::Said(b"OK\n"));
        assert_eq!(Answer::read(b"OK INFO\n"), Answer::Said(b"INFO\n"));
        assert_eq!(Answer::read(b"ERR UNKNOWN_JOB\r\n"), Answer::Refused(b"UNKNOWN_JOB\r\n"));
        assert_eq!(Answer::read(b".\n"), Answer::Said(b".\n"));
    }
}
