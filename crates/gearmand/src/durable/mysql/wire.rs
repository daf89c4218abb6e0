//! MySQL's protocol, as much of it as a queue takes: a login, statements as text, rows as text.
//!
//! Owns the socket. Must never know what a statement says. What always holds: after an answer was read to its end, or an error
//! of the server's, the next statement may be sent; after any other error the connection is of no use.

use crate::durable::socket::Socket;
use rustls::ClientConfig;
use std::io::{self, BufReader, Read, Write};
use std::sync::Arc;
use std::time::Duration;

/// A longer one is sent in parts.
const LONGEST: usize = 0xff_ffff;
/// `COM_QUERY`, `COM_QUIT`.
const QUERY: u8 = 3;
const QUIT: u8 = 1;
/// `SERVER_MORE_RESULTS_EXISTS`
const MORE: u16 = 8;

/// Why something was not done.
#[derive(Debug)]
pub(super) enum WireError {
    /// The connection is gone, or never was.
    Io(io::Error),
    /// The server's number and text.
    Server(u16, String),
    /// It cannot be done.
    Other(String),
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> WireError {
        WireError::Io(error)
    }
}

type Result<T> = std::result::Result<T, WireError>;

/// A connection.
pub(super) struct Wire {
    stream: BufReader<Socket>,
    /// Of the next packet.
    sequence: u8,
}

/// An answer without rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub(super) affected: u64,
    more: bool,
}

/// The columns of a row; `None` is NULL.
pub(super) struct Columns<'a>(Vec<Option<&'a [u8]>>);

impl<'a> Columns<'a> {
    pub(super) fn get(&self, i: usize) -> Option<&'a [u8]> {
        self.0.get(i).copied().flatten()
    }
}

impl Wire {
    pub(super) fn new(socket: Socket) -> Wire {
        Wire { stream: BufReader::new(socket), sequence: 0 }
    }

    /// How long an answer may take.
    pub(super) fn set_patience(&self, patience: Option<Duration>) -> io::Result<()> {
        self.stream.get_ref().set_patience(patience)
    }

    /// Nobody else reads what is sent.
    pub(super) fn is_private(&self) -> bool {
        self.stream.get_ref().is_private()
    }

    /// From here on all is encrypted.
    pub(super) fn encrypt(&mut self, host: &str, config: Arc<ClientConfig>) -> Result<()> {
        self.stream.get_mut().encrypt(host, config).map_err(WireError::Other)
    }

    /// The next packet.
    pub(super) fn read(&mut self) -> Result<Vec<u8>> {
        let mut packet = Vec::new();
        loop {
            let mut head = [0; 4];
            self.stream.read_exact(&mut head)?;
            let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
            self.sequence = head[3].wrapping_add(1);
            let begin = packet.len();
            packet.resize(begin + length, 0);
            self.stream.read_exact(&mut packet[begin..])?;
            if length < LONGEST {
                return error_of(packet);
            }
        }
    }

    /// Sends a packet that answers the one before.
    pub(super) fn write(&mut self, body: &[u8]) -> Result<()> {
        let mut rest = body;
        loop {
            let (part, after) = rest.split_at(rest.len().min(LONGEST));
            let length = part.len() as u32;
            let [a, b, c, _] = length.to_le_bytes();
            let mut packet = vec![a, b, c, self.sequence];
            packet.extend_from_slice(part);
            self.stream.get_mut().write_all(&packet)?;
            self.sequence = self.sequence.wrapping_add(1);
            rest = after;
            if part.len() < LONGEST {
                return Ok(self.stream.get_mut().flush()?);
            }
        }
    }

    fn send(&mut self, statements: &[u8]) -> Result<()> {
        self.sequence = 0;
        self.write(&[&[QUERY], statements].concat())
    }

    /// Statements that give no rows, separated by semicolons. How many rows the last one changed. The first that is refused
    /// ends it.
    pub(super) fn execute(&mut self, statements: &[u8]) -> Result<u64> {
        self.send(statements)?;
        loop {
            let done = self.query_result(&mut |_| Ok(()))?;
            if !done.more {
                return Ok(done.affected);
            }
        }
    }

    /// One statement. Each row is given out as it comes; where it is refused, the others are read and left out.
    pub(super) fn query(
        &mut self,
        statement: &str,
        take: &mut dyn FnMut(&Columns<'_>) -> std::result::Result<(), String>,
    ) -> Result<()> {
        self.send(statement.as_bytes())?;
        self.query_result(take).map(drop)
    }

    /// The first column of the first row.
    pub(super) fn query_one(&mut self, statement: &str) -> Result<Option<Vec<u8>>> {
        let mut found = None;
        self.query(statement, &mut |columns| {
            found = found.take().or_else(|| columns.get(0).map(<[u8]>::to_vec));
            Ok(())
        })?;
        Ok(found)
    }

    fn query_result(&mut self, take: &mut dyn FnMut(&Columns<'_>) -> std::result::Result<(), String>) -> Result<Done> {
        let head = self.read()?;
        let mut parts = Parts(&head);
        if head.first() == Some(&0) {
            parts.bytes(1)?;
            let (affected, _) = (parts.number()?, parts.number()?);
            return Ok(Done { affected, more: parts.short()? & MORE != 0 });
        }
        let columns = parts.number()?;
        for _ in 0..columns {
            self.read()?;
        }
        self.read()?;
        let mut refused = None;
        loop {
            let packet = self.read()?;
            if packet.first() == Some(&0xfe) && packet.len() < 9 {
                return match refused {
                    Some(reason) => Err(WireError::Other(reason)),
                    None => Ok(Done { affected: 0, more: Parts(&packet[3..]).short()? & MORE != 0 }),
                };
            }
            if refused.is_none() {
                let mut parts = Parts(&packet);
                let row = (0..columns).map(|_| parts.column()).collect::<Result<_>>()?;
                refused = take(&Columns(row)).err();
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.sequence = 0;
        // Whoever comes next finds the lock free sooner. If not, the server sees the end of the connection.
        let _ = self.write(&[QUIT]);
    }
}

/// The packet, unless it is an error.
fn error_of(packet: Vec<u8>) -> Result<Vec<u8>> {
    if packet.first() != Some(&0xff) {
        return Ok(packet);
    }
    let mut parts = Parts(&packet[1..]);
    let code = parts.short()?;
    let text = parts.0;
    let text = if text.first() == Some(&b'#') { text.get(6..).unwrap_or_default() } else { text };
    Err(WireError::Server(code, String::from_utf8_lossy(text).into_owned()))
}

/// What is left of a packet.
pub(super) struct Parts<'a>(pub(super) &'a [u8]);

impl<'a> Parts<'a> {
    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(length).ok_or_else(short)?;
        self.0 = rest;
        Ok(part)
    }

    pub(super) fn short(&mut self) -> Result<u16> {
        Ok(self.bytes(2)?.iter().rev().fold(0, |number, byte| number << 8 | u16::from(*byte)))
    }

    /// Up to the next NUL, or the end.
    pub(super) fn text(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|b| *b == 0);
        let (text, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        text
    }

    /// A number of one to nine bytes.
    fn number(&mut self) -> Result<u64> {
        let length = match self.bytes(1)?[0] {
            0xfc => 2,
            0xfd => 3,
            0xfe => 8,
            small => return Ok(u64::from(small)),
        };
        Ok(self.bytes(length)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn column(&mut self) -> Result<Option<&'a [u8]>> {
        if self.0.first() == Some(&0xfb) {
            self.bytes(1)?;
            return Ok(None);
        }
        let length = self.number()?;
        self.bytes(usize::try_from(length).map_err(|_| short())?).map(Some)
    }
}

fn short() -> WireError {
    WireError::Io(io::Error::new(io::ErrorKind::InvalidData, "an answer is shorter than it says: is it MySQL?"))
}
