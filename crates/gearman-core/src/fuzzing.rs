//! Input of the fuzz targets `client` and `worker` (fuzz/), and of tests that replay what those found: the bytes are read as
//! what a client, or a worker, does on one connection, and what its server sends. Each task of a client must end once, and
//! answers without a handle must go to the task that was asked first. A worker must not lose count, and a server
//! must understand all that it sends.
//!
//! A step is its kind, a length and as many bytes:
//!
//! ```text
//! ? 1 n           a request, by the number of its kind
//! ! 0             the connection ends, and another is made
//! = 5 .....       bytes from the server, whole packets or not
//! 8 3 H:1         any other kind is the number of a command with this body, from the server
//! ```

// What is found ends the program.
#![allow(clippy::panic)]

pub mod tls;

use crate::client::pending::{self, Pending};
use crate::client::task::{Event, Kind, TaskId};
use crate::protocol::codec::{Decoded, decode};
use crate::protocol::message::{Assign, Grab, Request, Response};
use crate::protocol::packet::{Command, Magic};
use crate::worker::protocol::{self, Abilities, Assignment, Protocol, State};
use bytes::Bytes;
use std::collections::{BTreeSet, VecDeque};

/// Packets above this are refused.
const LIMIT: usize = 1000;

/// One side of a connection.
trait Side {
    /// Does something of its own accord.
    fn ask(&mut self, kind: u8);
    /// False: it ends the connection.
    fn receive(&mut self, response: Response<'_>) -> bool;
    /// The connection is gone.
    fn end(&mut self);
}

/// These bytes as a client and its server.
///
/// # Panics
/// When a promise is broken.
pub fn client(bytes: &[u8]) {
    run(&mut Asking::default(), bytes);
}

/// These bytes as a worker and its server.
///
/// # Panics
/// When a promise is broken.
pub fn worker(bytes: &[u8]) {
    run(&mut Working::default(), bytes);
}

fn run(side: &mut impl Side, mut rest: &[u8]) {
    let mut read_buffer = Vec::new();
    while let [kind, length, after @ ..] = rest {
        let (data, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        let mut open = *kind != b'!';
        match kind {
            b'!' => {}
            b'?' => side.ask(data.first().copied().unwrap_or_default()),
            b'=' => read_buffer.extend_from_slice(data),
            number => {
                read_buffer.extend_from_slice(&Magic::Response.bytes());
                read_buffer.extend_from_slice(&u32::from(*number).to_be_bytes());
                read_buffer.extend_from_slice(&(data.len() as u32).to_be_bytes());
                read_buffer.extend_from_slice(data);
            }
        }
        while open {
            match decode(&read_buffer, LIMIT) {
                Ok(Decoded::Partial(_)) => break,
                Ok(Decoded::Frame(frame, size)) => {
                    open = Response::parse(&frame).is_ok_and(|response| side.receive(response));
                    read_buffer.drain(..size);
                }
                Err(_) => open = false,
            }
        }
        if !open {
            side.end();
            read_buffer.clear();
        }
    }
    side.end();
}

/// A client, and what it must be waiting for.
#[derive(Default)]
struct Asking {
    pending: Pending,
    serial: u32,
    /// Without an answer, in order; `None` is an option.
    asked: VecDeque<Option<(u32, Kind)>>,
    /// Jobs that have begun.
    running: BTreeSet<u32>,
}

impl Side for Asking {
    fn ask(&mut self, kind: u8) {
        let kinds = [Kind::Foreground, Kind::Background, Kind::Status, Kind::StatusUnique, Kind::Echo];
        let kind = usize::from(kind) % (kinds.len() + 2);
        if kind == kinds.len() {
            self.pending.sent_option();
            return self.asked.push_back(None);
        }
        self.serial += 1;
        let task = TaskId { index: self.serial, serial: self.serial };
        match kinds.get(kind) {
            Some(kind) => self.pending.sent(task, *kind),
            None => self.pending.asked_permission(task, Bytes::new()),
        }
        self.asked.push_back(Some((self.serial, kinds.get(kind).copied().unwrap_or(Kind::StatusUnique))));
    }

    fn receive(&mut self, response: Response<'_>) -> bool {
        let of_job = matches!(response, Response::Work(_));
        let option = matches!(self.asked.front(), Some(None)) && !of_job;
        match self.pending.receive(response, "server", Bytes::copy_from_slice) {
            Err(_) => return false,
            Ok(pending::Received::Nothing) if option => _ = self.asked.pop_front(),
            Ok(pending::Received::Nothing) => assert!(of_job, "an answer was passed over"),
            Ok(pending::Received::Event(task, event, last)) if of_job => {
                assert!(self.running.contains(&task.serial), "{event:?} for a task that does not run");
                if last {
                    self.running.remove(&task.serial);
                }
            }
            Ok(pending::Received::Event(task, event, last)) => self.answered(task.serial, &event, last),
            Ok(pending::Received::Permitted(task, _)) => {
                assert_eq!(self.asked.pop_front().flatten(), Some((task.serial, Kind::StatusUnique)));
                self.pending.sent(task, Kind::StatusUnique);
                self.asked.push_back(Some((task.serial, Kind::StatusUnique)));
            }
        }
        let idle = self.asked.is_empty() && self.running.is_empty();
        assert_eq!(self.pending.is_idle(), idle);
        true
    }

    fn end(&mut self) {
        let mut reported: Vec<u32> = self.pending.end().iter().map(|task| task.serial).collect();
        reported.sort_unstable();
        let asked = self.asked.drain(..).flatten().map(|(task, _)| task);
        let mut open: Vec<u32> = asked.chain(std::mem::take(&mut self.running)).collect();
        open.sort_unstable();
        assert_eq!(reported, open, "the end of the connection");
        assert!(self.pending.is_idle());
    }
}

impl Asking {
    fn answered(&mut self, serial: u32, event: &Event, last: bool) {
        let first = self.asked.pop_front().flatten();
        let Some((_, kind)) = first.filter(|(task, _)| *task == serial) else {
            panic!("{event:?} for {serial}, where {first:?} was asked first");
        };
        let right = match event {
            Event::Created(_) => matches!(kind, Kind::Foreground | Kind::Background),
            Event::Known(_) => matches!(kind, Kind::Status | Kind::StatusUnique),
            Event::Echoed(_) => kind == Kind::Echo,
            Event::Error(_) => true,
            _ => false,
        };
        assert!(right, "{event:?} in answer to {kind:?}");
        let goes_on = kind == Kind::Foreground && matches!(event, Event::Created(_));
        assert_eq!(last, !goes_on, "{event:?} in answer to {kind:?}");
        if goes_on {
            self.running.insert(serial);
        }
    }
}

/// A worker, and what it must have sent.
#[derive(Default)]
struct Working {
    protocol: Protocol,
    abilities: Abilities,
    /// GRAB_JOBs without an answer, as far as the server is to be believed.
    grabs: usize,
    echoes: u32,
    /// The last echo of a user's that came back.
    back: u32,
}

impl Side for Working {
    /// What [`crate::worker::Worker`] may do at this moment.
    fn ask(&mut self, kind: u8) {
        let mut out = Vec::new();
        let name = [b'a' + (kind >> 4) % 4];
        match kind % 10 {
            0 => _ = self.abilities.add(&name, u64::from(kind & 0x80)),
            1 => _ = self.abilities.remove(&name),
            2 => _ = self.abilities.clear(),
            3 if self.protocol.assignment == Assignment::Unasked => self.protocol.ask_directly(&mut out),
            3 => self.protocol.stop_waiting(&mut out),
            4 if kind & 0x10 == 0 => self.protocol.option(b"exceptions", &mut out),
            4 => self.protocol.ask_for_notices(&mut out),
            5 => {
                self.echoes += 1;
                self.protocol.echo(self.echoes, b"x", &mut out);
            }
            6 => self.protocol.interrupt_sleep(&mut out),
            7 if self.protocol.state == State::NoJob => self.protocol.sleep(&mut out),
            7 if self.protocol.state == State::Awake && self.protocol.may_sleep(Grab::All) => {
                self.protocol.sleep(&mut out)
            }
            _ if matches!(self.protocol.state, State::Awake | State::Grabbing) && self.grabs < 5 => {
                let forms = [Grab::Plain, Grab::Uniq, Grab::All];
                self.protocol.grab(forms[usize::from(kind) % 3], &mut out);
                self.grabs += 1;
            }
            _ => {}
        }
        self.protocol.announce(&self.abilities, &mut out);
        assert_understood(&out);
        self.check();
    }

    fn receive(&mut self, response: Response<'_>) -> bool {
        let answers =
            matches!(response, Response::JobAssign(_)) || matches!(response, Response::NoJob) && self.grabs > 0;
        self.grabs = self.grabs.saturating_sub(usize::from(answers));
        match self.protocol.receive(response) {
            Err(_) => return false,
            Ok(protocol::Received::Echo(number, _)) => {
                assert!(self.back < number && number <= self.echoes, "echo {number} after {}", self.back);
                self.back = number;
            }
            Ok(protocol::Received::Notice(notice)) => {
                let told = self.protocol.tells_attempts || self.protocol.tells_cancelled;
                assert!(told, "{notice:?} without having asked");
            }
            Ok(
                protocol::Received::Job(Assign { .. }) | protocol::Received::NoNotices | protocol::Received::Nothing,
            ) => {}
        }
        if self.protocol.grabs == 0 {
            self.grabs = 0; // an old server does not know the form, and will be asked in another
        }
        self.check();
        true
    }

    fn end(&mut self) {
        *self = Working { abilities: std::mem::take(&mut self.abilities), ..Working::default() };
    }
}

impl Working {
    fn check(&self) {
        assert_eq!(self.protocol.grabs, self.grabs);
        match self.protocol.state {
            State::Grabbing => assert!(self.grabs > 0, "it waits for an answer to nothing"),
            State::NoJob | State::Asleep => assert_eq!(self.grabs, 0, "it has asked, and sleeps"),
            State::Awake | State::Waking => {}
        }
    }
}

/// A server understands every packet of these.
fn assert_understood(mut sent: &[u8]) {
    while !sent.is_empty() {
        let Ok(Decoded::Frame(frame, size)) = decode(sent, LIMIT) else { panic!("no packet: {sent:?}") };
        let command = Command::from_number(frame.number).filter(|_| frame.magic == Magic::Request);
        assert!(command.is_some_and(|c| Request::parse(c, &frame).is_ok()), "not understood: {frame:?}");
        sent = &sent[size..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use properties::properties;
    use proptest::prelude::*;

    /// What fuzzing begins with, and what it once found.
    #[test]
    fn the_seeds() {
        for (name, run) in [("client", client as fn(&[u8])), ("worker", worker)] {
            let folder = format!("{}/../../fuzz/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
            let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            files.sort();
            assert!(files.len() > 2);
            for file in files {
                println!("{}", file.display()); // shown when it fails
                run(&std::fs::read(file).unwrap());
            }
        }
    }

    /// Deeds that make sense more often than any bytes would.
    fn deeds() -> impl Strategy<Value = Vec<u8>> {
        let ask = any::<u8>().prop_map(|kind| vec![b'?', 1, kind]);
        let bodies = prop::sample::select(vec![
            &b""[..],
            b"H:1",
            b"H:2",
            b"H:1\0x",
            b"H:2\x001\x002",
            b"H:1\x001\x001\x000\x000\x005",
            b"H:1\0a\0u\0\0w",
            b"all-yours",
            b"INVALID_COMMAND\0x",
            b"server_error\0x",
            b"H:1\0cancelled\0",
            b"H:1\0attempt\x002",
        ]);
        let numbers =
            prop::sample::select(vec![6u8, 8, 10, 11, 12, 13, 14, 17, 19, 20, 25, 27, 28, 29, 31, 40, 42, 200]);
        let packet = (numbers, bodies).prop_map(|(number, body)| [&[number, body.len() as u8], body].concat());
        let any_deed = prop::collection::vec(any::<u8>(), 0..20);
        let deed = prop_oneof![10 => ask, 20 => packet, 1 => Just(b"!\0".to_vec()), 1 => any_deed];
        prop::collection::vec(deed, 0..100).prop_map(|deeds| deeds.concat())
    }

    properties! {
        cases: 2000;

        #[test]
        fn any_deeds(bytes in deeds()) {
            client(&bytes);
            worker(&bytes);
        }
    }
}
