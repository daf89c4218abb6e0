//! Many connections in one thread: packets in, read in bulk; packets out, one write a connection at the end of each exchange.

use crate::Result;
use gearman_core::protocol::codec::{Decoded, decode};
use gearman_core::protocol::packet::Frame;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

/// Read at once, at most.
const BULK: usize = 256 * 1024;
const LARGEST: usize = BULK / 2;
/// Instead of a connection's number.
const LISTENER: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;

/// What came in on a connection.
pub(crate) enum Event<'a> {
    Frame(Frame<'a>),
    /// A line of the text protocol.
    Text(&'a [u8]),
    Closed,
}

/// Connections, named by numbers from 0 in the order they were added.
pub(crate) struct Hub {
    epoll: Epoll,
    events: Vec<EpollEvent>,
    listener: Option<TcpListener>,
    /// `None` once closed.
    connections: Vec<Option<Connection>>,
    out: Outgoing,
    /// For whichever connection is read just now.
    buffer: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// The start of a packet whose end has not come yet.
    rest: Vec<u8>,
    /// It took no more bytes; epoll shows when it does again.
    blocked: bool,
}

/// What is to be written in the next exchange.
pub(crate) struct Outgoing {
    buffers: Vec<Vec<u8>>,
    dirty: Vec<usize>,
}

impl Outgoing {
    /// Where packets for this connection are appended.
    pub(crate) fn to(&mut self, connection: usize) -> &mut Vec<u8> {
        if self.buffers[connection].is_empty() {
            self.dirty.push(connection);
        }
        &mut self.buffers[connection]
    }
}

impl Hub {
    pub(crate) fn new() -> Result<Hub> {
        Ok(Hub {
            epoll: Epoll::new(EpollCreateFlags::empty())?,
            events: vec![EpollEvent::empty(); 1024],
            listener: None,
            connections: Vec::new(),
            out: Outgoing { buffers: Vec::new(), dirty: Vec::new() },
            buffer: vec![0; BULK],
        })
    }

    pub(crate) fn add(&mut self, stream: TcpStream) -> Result<usize> {
        let number = self.connections.len();
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        self.epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
        self.connections.push(Some(Connection { stream, rest: Vec::new(), blocked: false }));
        self.out.buffers.push(Vec::new());
        Ok(number)
    }

    /// From now on adds whoever connects.
    pub(crate) fn listen(&mut self, listener: TcpListener) -> Result<()> {
        listener.set_nonblocking(true)?;
        self.epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        self.listener = Some(listener);
        Ok(())
    }

    /// A descriptor that ends an exchange's wait when it becomes readable.
    pub(crate) fn wake_by(&mut self, timer: impl AsFd) -> Result<()> {
        Ok(self.epoll.add(timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?)
    }

    pub(crate) fn out(&mut self) -> &mut Outgoing {
        &mut self.out
    }

    /// Writes, waits, and hands over all that came. False where nothing happened for `timeout`.
    pub(crate) fn exchange(
        &mut self,
        timeout: EpollTimeout,
        mut on: impl FnMut(&mut Outgoing, usize, Event<'_>) -> Result<()>,
    ) -> Result<bool> {
        self.flush()?;
        let mut events = std::mem::take(&mut self.events);
        let count = self.epoll.wait(&mut events, timeout)?;
        for event in &events[..count] {
            match event.data() {
                LISTENER => self.accept()?,
                TIMER => (),
                number => self.ready(number as usize, event.events(), &mut on)?,
            }
        }
        self.events = events;
        Ok(count > 0)
    }

    fn accept(&mut self) -> Result<()> {
        while let Some(listener) = &self.listener {
            match listener.accept() {
                Ok((stream, _)) => self.add(stream)?,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) => return Err(e.into()),
            };
        }
        Ok(())
    }

    fn ready(
        &mut self,
        number: usize,
        flags: EpollFlags,
        on: &mut impl FnMut(&mut Outgoing, usize, Event<'_>) -> Result<()>,
    ) -> Result<()> {
        let Some(connection) = &mut self.connections[number] else { return Ok(()) };
        if flags.contains(EpollFlags::EPOLLOUT) {
            self.out.dirty.push(number);
        }
        if !flags.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR) {
            return Ok(());
        }
        let begun = connection.rest.len();
        self.buffer[..begun].copy_from_slice(&connection.rest);
        let read = match connection.stream.read(&mut self.buffer[begun..]) {
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(e) if e.kind() == ErrorKind::ConnectionReset => 0,
            Err(e) => return Err(e.into()),
        };
        if read == 0 {
            self.connections[number] = None; // closing takes it out of epoll
            return on(&mut self.out, number, Event::Closed);
        }
        let mut bytes = &self.buffer[..begun + read];
        while let Some((event, taken)) = next(bytes)? {
            on(&mut self.out, number, event)?;
            bytes = &bytes[taken..];
        }
        connection.rest.clear();
        connection.rest.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        for number in std::mem::take(&mut self.out.dirty) {
            let out = &mut self.out.buffers[number];
            let Some(connection) = &mut self.connections[number] else {
                out.clear();
                continue;
            };
            let mut written = 0;
            while written < out.len() {
                match connection.stream.write(&out[written..]) {
                    Ok(n) => written += n,
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(e) => return Err(e.into()),
                }
            }
            out.drain(..written);
            let blocked = !out.is_empty();
            if blocked != connection.blocked {
                connection.blocked = blocked;
                let writable = if blocked { EpollFlags::EPOLLOUT } else { EpollFlags::empty() };
                let mut event = EpollEvent::new(EpollFlags::EPOLLIN | writable, number as u64);
                self.epoll.modify(&connection.stream, &mut event)?;
            }
        }
        Ok(())
    }
}

/// The packet or line at the front, and the bytes it takes.
fn next(bytes: &[u8]) -> Result<Option<(Event<'_>, usize)>> {
    if bytes.first().is_some_and(|b| *b != 0) {
        let end = bytes.iter().position(|b| *b == b'\n');
        return Ok(end.map(|end| (Event::Text(&bytes[..end]), end + 1)));
    }
    match decode(bytes, LARGEST)? {
        Decoded::Frame(frame, taken) => Ok(Some((Event::Frame(frame), taken))),
        Decoded::Partial(_) => Ok(None),
    }
}
