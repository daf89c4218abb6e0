//! A job server that stores nothing and answers at once: what packets and sockets cost any server.
//!
//! A job goes to the next worker, whether it is free or not, and its handle names the client, so that
//! the result finds its way without a look-up.

use crate::Result;
use crate::hub::{Event, Hub, Outgoing};
use gearman_core::protocol::message::{Assign, Request, Response, Submit};
use gearman_core::protocol::packet::Frame;
use nix::sys::epoll::EpollTimeout;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};

/// Serves until it is killed.
pub(crate) fn serve(port: u16) -> Result<()> {
    let mut hub = Hub::new()?;
    hub.listen(TcpListener::bind((Ipv4Addr::LOCALHOST, port))?)?;
    let mut workers = Workers::default();
    loop {
        hub.exchange(EpollTimeout::NONE, |out, from, event| match event {
            Event::Frame(frame) => workers.answer(out, from, &frame),
            Event::Text(line) => {
                out.to(from).extend_from_slice(if line == b"version" { b"OK null\n" } else { b".\n" });
                Ok(())
            }
            Event::Closed => Ok(()),
        })?;
    }
}

#[derive(Default)]
struct Workers {
    numbers: Vec<usize>,
    next: usize,
}

impl Workers {
    fn answer(&mut self, out: &mut Outgoing, from: usize, frame: &Frame<'_>) -> Result<()> {
        let command = frame.command().ok_or("no such command")?;
        match Request::parse(command, frame)? {
            Request::Echo(bytes) => Response::Echo(bytes).encode(out.to(from)),
            Request::CanDo { .. } => self.numbers.push(from),
            Request::Submit(submit) => self.submit(out, from, &submit)?,
            Request::Work(work) => {
                let client = std::str::from_utf8(work.handle)?.parse()?;
                Response::Work(work).encode(out.to(client));
            }
            // Jobs come unasked.
            _ => (),
        }
        Ok(())
    }

    fn submit(&mut self, out: &mut Outgoing, from: usize, submit: &Submit<'_>) -> Result<()> {
        let mut handle = [0; 20];
        let mut left = &mut handle[..];
        write!(left, "{from}")?;
        let unused = left.len();
        let handle = &handle[..20 - unused];
        Response::JobCreated(handle).encode(out.to(from));
        if let (false, Some(worker)) = (submit.background, self.numbers.get(self.next)) {
            let Submit { function, unique, workload, .. } = *submit;
            let assign = Assign { handle, function, unique: Some(unique), reducer: None, workload };
            Response::JobAssign(assign).encode(out.to(*worker));
            self.next = (self.next + 1) % self.numbers.len();
        }
        Ok(())
    }
}
