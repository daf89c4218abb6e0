//! What sockets and processes cost without Gearman: a ping-pong of small messages, and large ones through a
//! process in between. Blocking reads and writes, nothing else: nothing between processes is faster.

use crate::Result;
use crate::process::{Process, free_port};
use crate::setup::Setup;
use crate::stats::summary;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

/// About what SUBMIT_JOB of a few bytes takes.
const SMALL: usize = 64;
/// At most so much is read before it is passed on.
const CHUNK: usize = 128 * 1024;
/// How often the processes are started anew for one figure.
const BEGINNINGS: u64 = 5;
/// A message passes well within this time, or never.
const LIMIT: Duration = Duration::from_secs(20);

/// Microseconds for a message to come back over so many hops: client, relay, client are 2; each way from
/// the relay to a worker and back is 2 more.
///
/// Two processes on one processor take a quarter of what they take on two, and they stay as they begin. So the
/// median of several beginnings.
pub(crate) fn hops(setup: &Setup, hops: usize, rounds: u64) -> Result<f64> {
    let all: Vec<f64> = (0..BEGINNINGS)
        .map(|_| ping_pong(setup, hops / 2 - 1, SMALL, rounds / BEGINNINGS + 1))
        .collect::<Result<_>>()?;
    Ok(summary(&all).ok_or("nothing measured")?.median)
}

/// Microseconds for so many bytes to come back through the relay from a worker.
pub(crate) fn blob(setup: &Setup, size: usize, rounds: u64) -> Result<f64> {
    ping_pong(setup, 1, size, rounds)
}

fn ping_pong(setup: &Setup, trips: usize, size: usize, rounds: u64) -> Result<f64> {
    let port = free_port()?;
    let workers = trips.min(1);
    let arguments = ["relay".into(), port.to_string(), workers.to_string(), trips.to_string(), size.to_string()];
    let mut relay = Process::start("relay", Command::new(&setup.bench).args(arguments))?;
    let worker = ["echo".into(), port.to_string(), size.to_string()];
    let _worker = match workers {
        0 => None,
        _ => Some(Process::start("echo", Command::new(&setup.bench).args(worker))?),
    };
    relay.expect_running()?;
    let mut client = connect(port)?;
    client.set_read_timeout(Some(LIMIT))?;
    // Its answer says that the worker is there, too.
    client.write_all(b"c")?;
    client.read_exact(&mut [0])?;
    let (message, mut answer) = (vec![b'x'; size], vec![0; size]);
    let mut trip = |n: u64| -> Result<()> {
        for _ in 0..n {
            client.write_all(&message)?;
            client.read_exact(&mut answer)?;
        }
        Ok(())
    };
    trip(rounds.div_ceil(20))?;
    let begin = Instant::now();
    trip(rounds)?;
    Ok(begin.elapsed().as_secs_f64() * 1e6 / rounds as f64)
}

/// Until somebody listens.
fn connect(port: u16) -> Result<TcpStream> {
    let deadline = Instant::now() + LIMIT;
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(e) if e.kind() == ErrorKind::ConnectionRefused && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(e) => return Err(e.into()),
        }
    }
}

/// The process in the middle. What comes from the client goes `trips` times to the worker and back.
pub(crate) fn relay(port: u16, workers: usize, trips: usize, size: usize) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let (mut client, mut worker) = (None, None);
    while client.is_none() || (workers > 0 && worker.is_none()) {
        let mut stream = listener.accept()?.0;
        stream.set_nodelay(true)?;
        let mut who = [0];
        stream.read_exact(&mut who)?;
        *(if who == *b"c" { &mut client } else { &mut worker }) = Some(stream);
    }
    let mut client = client.ok_or("no client")?;
    client.write_all(b"r")?;
    let mut buffer = vec![0; CHUNK];
    loop {
        match &worker {
            None => pass(&client, &client, size, &mut buffer)?,
            Some(worker) => {
                pass(&client, worker, size, &mut buffer)?;
                for _ in 1..trips {
                    pass(worker, worker, size, &mut buffer)?;
                }
                pass(worker, &client, size, &mut buffer)?;
            }
        }
    }
}

/// Passes on what is there, as soon as it is there.
fn pass(mut from: &TcpStream, mut to: &TcpStream, size: usize, buffer: &mut [u8]) -> Result<()> {
    let mut left = size;
    while left > 0 {
        let most = left.min(buffer.len());
        let n = from.read(&mut buffer[..most])?;
        if n == 0 {
            return Err("the connection ended".into());
        }
        to.write_all(&buffer[..n])?;
        left -= n;
    }
    Ok(())
}

/// The process at the far end: reads a whole message, sends it back.
pub(crate) fn echo(port: u16, size: usize) -> Result<()> {
    let mut stream = connect(port)?;
    stream.write_all(b"w")?;
    let mut message = vec![0; size];
    loop {
        stream.read_exact(&mut message)?;
        stream.write_all(&message)?;
    }
}
