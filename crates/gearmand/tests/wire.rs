//! A peer that speaks packets and blocks, for tests of the program.

use crate::util::packet;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// One end of a connection. A server that sends nothing for long is an error.
pub(crate) struct Wire(TcpStream);

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Wire {
        Wire::patient(stream, Duration::from_secs(30))
    }

    /// One that waits so long for what is sent.
    pub(crate) fn patient(stream: TcpStream, timeout: Duration) -> Wire {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(timeout)).unwrap();
        Wire(stream)
    }

    pub(crate) fn send(&mut self, packets: &[(u32, &[&[u8]])]) -> io::Result<()> {
        let bytes: Vec<u8> = packets.iter().flat_map(|(command, a)| packet(b"\0REQ", *command, a)).collect();
        self.0.write_all(&bytes)
    }

    pub(crate) fn read(&mut self) -> io::Result<(u32, Vec<u8>)> {
        let mut header = [0; 12];
        self.0.read_exact(&mut header)?;
        let number = |i: usize| u32::from_be_bytes(header[i..i + 4].try_into().unwrap());
        let mut body = vec![0; number(8) as usize];
        self.0.read_exact(&mut body)?;
        Ok((number(4), body))
    }

    /// The next packet is this one.
    pub(crate) fn expect(&mut self, command: u32, arguments: &[&[u8]]) {
        let (got, body) = self.read().unwrap();
        let (body, expected) = (body.escape_ascii().to_string(), arguments.join(&0).escape_ascii().to_string());
        assert_eq!((got, body), (command, expected));
    }

    pub(crate) fn ask(&mut self, command: u32, arguments: &[&[u8]]) -> (u32, String) {
        self.send(&[(command, arguments)]).unwrap();
        let (command, body) = self.read().unwrap();
        (command, body.escape_ascii().to_string())
    }

    /// Text commands, each with its line feed.
    pub(crate) fn send_text(&mut self, lines: &str) -> io::Result<()> {
        self.0.write_all(lines.as_bytes())
    }

    /// A line that answers one.
    pub(crate) fn read_line(&mut self) -> io::Result<String> {
        let (mut line, mut byte) = (Vec::new(), [0]);
        while byte != *b"\n" {
            self.0.read_exact(&mut byte)?;
            line.extend(byte);
        }
        String::from_utf8(line).map_err(io::Error::other)
    }
}
