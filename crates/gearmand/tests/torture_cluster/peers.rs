//! Clients and workers, over one connection after the other.

use super::ledger::{End, Ledger};
use super::servers::{Place, Places, micros};
use crate::torture::Moments;
use crate::util::{
    CAN_DO, ECHO_REQ, ECHO_RES, ERROR, GRAB_JOB_ALL, JOB_CREATED, LONG, NO_JOB, PRE_SLEEP, SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH, SUBMIT_JOB_HIGH_BG, WORK_COMPLETE, WORK_FAIL,
};
use crate::wire::Wire;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Of all clients together: often enough taken.
const KEYS: u64 = 40;
/// A worker goes elsewhere after so many jobs.
const JOBS: u32 = 100;

/// A connection to any of them that is there.
fn connect(places: &Places, moments: &mut Moments) -> Option<(Wire, Place)> {
    let there: Vec<Place> = places.lock().unwrap().iter().flatten().cloned().collect();
    let place = there.get(moments.below(there.len().max(1) as u64) as usize)?.clone();
    let mut wire = Wire::patient(TcpStream::connect(("127.0.0.1", place.port)).ok()?, LONG);
    // Its port may be another one's by now.
    wire.send_text("getpid\n").ok()?;
    (wire.read_line().ok()? == format!("OK {}\n", place.pid)).then_some((wire, place))
}

/// Who was refused, or found nobody, tries again soon.
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

fn moments(i: u64) -> Moments {
    let mut moments = Moments::new();
    for _ in 0..i {
        moments.next();
    }
    moments
}

pub(super) fn client(ledger: &Arc<Ledger>, places: Places, i: u64) -> JoinHandle<()> {
    let ledger = ledger.clone();
    std::thread::spawn(move || {
        let mut moments = moments(i);
        while !ledger.clients_stop() {
            match connect(&places, &mut moments) {
                // That the connection ends is what rounds are about.
                Some((mut wire, _)) => drop(submit_all(&ledger, &mut wire, &mut moments)),
                None => pause(),
            }
        }
    })
}

fn submit_all(ledger: &Ledger, wire: &mut Wire, moments: &mut Moments) -> io::Result<()> {
    while ledger.has_room() {
        let key = match moments.below(3) {
            0 => String::new(),
            _ => format!("k{}", moments.below(KEYS)),
        };
        let soon = (micros() / 1_000_000 + 1).to_string();
        let sent = ledger.moment();
        match moments.below(16) {
            0 => wire.send(&[(SUBMIT_JOB_EPOCH, &[b"f", key.as_bytes(), soon.as_bytes(), b"x"])])?,
            1 => wire.send(&[(SUBMIT_JOB_HIGH_BG, &[b"f", key.as_bytes(), b"x"])])?,
            2 => wire.send(&[(SUBMIT_JOB_BG, &[b"f", key.as_bytes(), &[b'x'; 20_000]])])?,
            _ => wire.send(&[(SUBMIT_JOB_BG, &[b"f", key.as_bytes(), b"x"])])?,
        }
        match wire.read()? {
            (JOB_CREATED, handle) => ledger.acknowledge(number(&handle), key, sent),
            (command, error) => {
                assert!(command == ERROR && error.starts_with(b"QUEUE_ERROR"), "{}", error.escape_ascii());
                ledger.refused();
                pause();
            }
        }
    }
    Ok(())
}

/// Of a handle: all servers have the same.
fn number(handle: &[u8]) -> u64 {
    let text = std::str::from_utf8(handle).unwrap();
    text.rsplit(':').next().unwrap().parse().unwrap_or_else(|_| panic!("{text}"))
}

pub(super) fn worker(ledger: &Arc<Ledger>, places: Places, i: u64) -> JoinHandle<()> {
    let ledger = ledger.clone();
    std::thread::spawn(move || {
        let mut moments = moments(i);
        while !ledger.workers_stop() {
            match connect(&places, &mut moments) {
                Some((mut wire, place)) => drop(run_some(&ledger, &mut wire, &place.name)),
                None => pause(),
            }
        }
    })
}

fn run_some(ledger: &Ledger, wire: &mut Wire, server: &str) -> io::Result<()> {
    wire.send(&[(CAN_DO, &[b"f"])])?;
    for _ in 0..JOBS {
        let asked = micros();
        wire.send(&[(GRAB_JOB_ALL, &[])])?;
        let (command, body) = wire.read()?;
        if command == NO_JOB {
            wire.send(&[(PRE_SLEEP, &[])])?;
            wire.read()?;
            continue;
        }
        let parts: Vec<&[u8]> = body.split(|b| *b == 0).collect();
        let (handle, key) = (parts[0], std::str::from_utf8(parts[2]).unwrap());
        let id = number(handle);
        let run = ledger.begin(id, key, server, asked);
        // Long enough to be marked as begun.
        if id.is_multiple_of(97) {
            std::thread::sleep(Duration::from_millis(2500));
        }
        let end = match (id % 16, run) {
            (5, 0) | (11, _) => End::Failed,
            _ => End::Done,
        };
        ledger.end(id, run, end);
        match end {
            End::Failed => wire.send(&[(WORK_FAIL, &[handle])])?,
            End::Done => wire.send(&[(WORK_COMPLETE, &[handle, b""])])?,
        }
        wire.send(&[(ECHO_REQ, &[b"stored?"])])?;
        wire.read().and_then(|(command, body)| match command {
            ECHO_RES => {
                ledger.stored(id, run);
                Ok(())
            }
            _ => Err(io::Error::other(format!("{}", body.escape_ascii()))),
        })?;
    }
    Ok(())
}
