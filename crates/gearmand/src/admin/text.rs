//! The text commands: a line in, an answer out. Answers are byte for byte those of the C server
//! (libgearman-server/text.cc), CRLF and LF in the same places.

use crate::broker::{Broker, Now};
use crate::outgoing::Outgoing;
use gearman_core::protocol::admin::Command;
use gearman_core::protocol::message::Priority;
use std::collections::BTreeSet;
use std::fmt::Write;

/// What the text commands tell of the process.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// Of the log, by its name.
    pub(crate) level: &'static str,
    /// Most functions that `maxqueue` remembers ahead of their time.
    pub(crate) limits: usize,
}

/// Answers one line.
pub(crate) fn answer(
    broker: &mut Broker,
    about: &About,
    now: &Now,
    session: u32,
    line: &[u8],
    outgoing: &mut Outgoing,
) {
    let answer = match Command::parse(line) {
        Command::Status => status(broker),
        Command::PriorityStatus => priority_status(broker),
        Command::Workers => workers(broker),
        Command::ShowJobs => show_jobs(broker),
        Command::ShowUniqueJobs => show_unique_jobs(broker),
        Command::Version => format!("OK {}\n", env!("CARGO_PKG_VERSION")).into(),
        Command::GetPid => format!("OK {}\n", std::process::id()).into(),
        Command::Verbose => format!("OK {}\n", about.level).into(),
        Command::CreateFunction(name) => match broker.function(now, name) {
            Some(_) => b"OK\r\n".to_vec(),
            None => b"ERR TOO_MANY_FUNCTIONS\r\n".to_vec(),
        },
        Command::DropFunction(name) => drop_function(broker, now, name, outgoing),
        Command::MaxQueue(name, limits) => {
            broker.functions.limit(name, limits, about.limits);
            b"OK\r\n".to_vec()
        }
        Command::CancelJob(handle) => match broker.by_handle(handle) {
            Some(job) => {
                broker.fail(now, job, outgoing);
                b"OK\r\n".to_vec()
            }
            None => b"ERR UNKNOWN_JOB\r\n".to_vec(),
        },
        Command::InvalidArguments(command) => {
            let text = "ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+";
            format!("{text}{command}\r\n").into()
        }
        Command::UnknownShow => b"ERR UNKNOWN_SHOW_ARGUMENTS\r\n".to_vec(),
        Command::UnknownCancel => b"ERR UNKNOWN_ERROR\r\n".to_vec(),
        Command::Unknown(word) => [b"ERR UNKNOWN_COMMAND Unknown+server+command", word, b"\r\n"].concat(),
    };
    outgoing.send(session, |out| gearman_core::protocol::codec::Sink::put(out, &answer));
}

/// A line of a list: bytes as they are, numbers as decimals.
macro_rules! line {
    ($out:expr, $name:expr, $($format:tt)*) => {{
        $out.extend_from_slice($name);
        let mut rest = String::new();
        // Writing to a String does not fail.
        let _ = writeln!(rest, $($format)*);
        $out.extend_from_slice(rest.as_bytes());
    }};
}

fn status(broker: &Broker) -> Vec<u8> {
    let mut out = Vec::new();
    for (_, f) in broker.functions.iter() {
        line!(out, &f.name, "\t{}\t{}\t{}", f.total, f.running, f.workers);
    }
    end(out)
}

fn priority_status(broker: &Broker) -> Vec<u8> {
    let mut out = Vec::new();
    for (_, f) in broker.functions.iter() {
        let [high, normal, low] = Priority::ALL.map(|p| f.queue.len_of(p));
        line!(out, &f.name, "\t{high}\t{normal}\t{low}\t{}", f.workers);
    }
    end(out)
}

fn workers(broker: &Broker) -> Vec<u8> {
    let mut out = Vec::new();
    for (_, session) in broker.sessions.iter() {
        let ip = session.ip.map_or_else(|| "unix".to_owned(), |ip| ip.to_canonical().to_string());
        out.extend_from_slice(format!("{} {ip} ", session.fd).as_bytes());
        out.extend_from_slice(session.id.as_deref().unwrap_or(b"-"));
        out.extend_from_slice(b" :");
        // They change places as they are served; here the one announced last is first, as in C.
        let mut abilities: Vec<_> = session.abilities.iter().collect();
        abilities.sort_unstable_by_key(|ability| std::cmp::Reverse(ability.announced));
        for ability in abilities {
            out.push(b' ');
            out.extend_from_slice(&broker.functions[ability.function].name);
        }
        out.push(b'\n');
    }
    end(out)
}

fn show_jobs(broker: &Broker) -> Vec<u8> {
    let mut out = Vec::new();
    for (_, job) in broker.jobs.arena.iter() {
        let handle = broker.handles.write(job.number);
        let background = u8::from(job.background);
        // Nobody waits any more, and it will not be run again.
        let ignored = u8::from(!job.background && job.waiters == crate::broker::arena::NONE);
        line!(out, handle.as_ref(), "\t{}\t{ignored}\t{background}", job.tries);
    }
    end(out)
}

fn show_unique_jobs(broker: &Broker) -> Vec<u8> {
    let mut out = Vec::new();
    for (_, job) in broker.jobs.arena.iter() {
        out.extend_from_slice(job.unique());
        out.push(b'\n');
    }
    end(out)
}

fn end(mut out: Vec<u8>) -> Vec<u8> {
    out.extend_from_slice(b".\n");
    out
}

/// Operators purge a function by dropping it: its queued jobs fail.
fn drop_function(broker: &mut Broker, now: &Now, name: &[u8], outgoing: &mut Outgoing) -> Vec<u8> {
    let Some(id) = broker.functions.find(name) else { return b"ERR function not found\r\n".to_vec() };
    let function = &broker.functions[id];
    if function.workers > 0 || function.running > 0 {
        return b"ERR there are still connected workers or executing clients\r\n".to_vec();
    }
    while let Some((_, job)) = broker.functions[id].queue.first() {
        broker.fail(now, job, outgoing);
    }
    if broker.functions[id].total > 0 {
        let delayed = broker.delayed.iter().map(|(_, job)| *job);
        let storing = broker.changes.storing().filter_map(|number| broker.jobs.by_number(number));
        let of_it: BTreeSet<u32> =
            delayed.chain(storing).filter(|job| broker.jobs.arena[*job].function == id).collect();
        for job in of_it {
            broker.fail(now, job, outgoing);
        }
    }
    broker.functions.remove(id);
    b"OK\r\n".to_vec()
}
