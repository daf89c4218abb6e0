//! Redis's protocol, as much of it as a queue takes: commands that are sent together, and their answers.
//!
//! Must never know what a command means.

use crate::durable::socket::Socket;
use std::io::{self, BufRead, BufReader, Read, Write};

/// Lists within lists at most.
const DEPTH: u32 = 4;
/// What is sent before there is more.
const ENOUGH: usize = 1 << 20;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Nothing,
    Number(i64),
    Bytes(Vec<u8>),
    List(Vec<Reply>),
    Error(String),
}

impl Reply {
    pub(super) fn bytes(self) -> Option<Vec<u8>> {
        if let Reply::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub(super) fn list(self) -> Vec<Reply> {
        if let Reply::List(list) = self { list } else { Vec::new() }
    }

    /// The error that it is, or that is in it.
    pub(super) fn error(&self) -> Option<&str> {
        match self {
            Reply::Error(text) => Some(text),
            Reply::List(list) => list.iter().find_map(Reply::error),
            _ => None,
        }
    }
}

/// A connection.
pub(super) struct Wire {
    stream: BufReader<Socket>,
    unsent: Vec<u8>,
    /// Commands whose answers are still to be read.
    waiting: usize,
}

impl Wire {
    pub(super) fn new(socket: Socket) -> Wire {
        Wire { stream: BufReader::new(socket), unsent: Vec::new(), waiting: 0 }
    }

    /// A command goes with the next ones that are sent.
    pub(super) fn push(&mut self, words: &[&[u8]]) {
        let unsent = &mut self.unsent;
        unsent.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            unsent.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            unsent.extend_from_slice(word);
            unsent.extend_from_slice(b"\r\n");
        }
        self.waiting += 1;
    }

    /// Sends much at once, while more is made.
    pub(super) fn send_some(&mut self) -> io::Result<()> {
        if self.unsent.len() >= ENOUGH { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> io::Result<()> {
        let unsent = std::mem::take(&mut self.unsent);
        let stream = self.stream.get_mut();
        stream.write_all(&unsent)?;
        stream.flush()
    }

    /// The answers to all commands that were pushed.
    pub(super) fn answers(&mut self) -> io::Result<Vec<Reply>> {
        self.send()?;
        (0..std::mem::take(&mut self.waiting)).map(|_| self.read(DEPTH)).collect()
    }

    /// One command, and its answer.
    pub(super) fn ask(&mut self, words: &[&[u8]]) -> io::Result<Reply> {
        self.push(words);
        Ok(self.answers()?.pop().unwrap_or(Reply::Nothing))
    }

    fn read(&mut self, depth: u32) -> io::Result<Reply> {
        let mut line = Vec::new();
        (&mut self.stream).take(64 << 10).read_until(b'\n', &mut line)?;
        let text = line.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok());
        let (kind, rest) = text.and_then(|text| text.split_at_checked(1)).ok_or_else(strange)?;
        let number = || rest.parse::<i64>().map_err(|_| strange());
        Ok(match kind {
            "+" => Reply::Bytes(rest.into()),
            "-" => Reply::Error(rest.into()),
            ":" => Reply::Number(number()?),
            "$" | "*" if number()? < 0 => Reply::Nothing,
            "$" => {
                let length = usize::try_from(number()?).map_err(|_| strange())?;
                let mut bytes = Vec::new();
                (&mut self.stream).take(length as u64 + 2).read_to_end(&mut bytes)?;
                if bytes.len() != length + 2 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                bytes.truncate(length);
                Reply::Bytes(bytes)
            }
            "*" if depth > 0 => Reply::List((0..number()?).map(|_| self.read(depth - 1)).collect::<io::Result<_>>()?),
            _ => return Err(strange()),
        })
    }
}

fn strange() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection, or does not speak Redis's protocol")
}
