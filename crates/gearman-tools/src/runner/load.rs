//! What servers say of functions and of connections: text commands in, numbers out.
//!
//! Our server tells in `counters` how many jobs wait and since when; others are asked for `status`. How many jobs a process
//! has done only ours tells, in `connections`, and only of processes that name themselves.
//!
//! Owns the connections to the servers. Must never know processes.

use crate::counters::{Count, counters};
use crate::error::{Error, Result};
use crate::listing::{self, shown};
use crate::runner::scale::Demand;
use crate::runner::value::Pattern;
use crate::text::Session;
use gearman_core::net::address::ServerAddress;
use gearman_core::net::tls::TlsSettings;
use gearman_core::protocol::answer::Refusal;
use std::time::{Duration, Instant};

/// So long a server may take for all that it is asked at a look.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Largest answer: some hundred bytes for each of a hundred thousand functions.
const LARGEST: usize = 64 << 20;

/// What is said of one that takes longer: the same words each time.
pub fn silent(server: &str) -> String {
    format!("{server} has not answered within {} s", PATIENCE.as_secs())
}

/// A server, and the connection to it while there is one.
#[derive(Debug)]
pub struct Server {
    address: ServerAddress,
    tls: Option<TlsSettings>,
    session: Option<Session>,
}

/// How TLS is spoken with a server, if it is: as the file says, or the environment where the server's name asks for TLS.
pub fn tls(server: &ServerAddress, file: Option<&TlsSettings>) -> Option<TlsSettings> {
    let environment = || server.asks_for_tls().then(|| TlsSettings::from_environment(|name| std::env::var_os(name)));
    file.cloned().or_else(environment).filter(|_| !matches!(server, ServerAddress::Unix(_)))
}

/// What a server says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// It is one of ours: it tells ages.
    pub ours: bool,
    /// By function.
    pub functions: Vec<FunctionLoad>,
    /// What connections have done, where that was asked and it tells; by their names.
    pub connections: Option<Vec<Done>>,
}

/// A function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionLoad {
    /// Its name.
    pub function: String,
    /// Jobs that wait and may run.
    pub waiting: u64,
    /// Jobs of a queue that servers share that are no server's; each of them says this.
    pub shared: u64,
    /// Jobs that workers have.
    pub running: u64,
    /// How long the oldest of those that wait has.
    pub oldest: Option<Duration>,
}

/// A connection that has named itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The server's number of it.
    pub connection: String,
    /// What it calls itself.
    pub id: String,
    /// Jobs that it has ended.
    pub jobs: u64,
}

impl Server {
    /// Nothing is asked yet.
    pub fn new(address: ServerAddress, tls: Option<TlsSettings>) -> Server {
        let tls = self::tls(&address, tls.as_ref());
        Server { address, tls, session: None }
    }

    /// Asks, and waits for the answer. After a failure it connects anew.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub fn look(&mut self, connections: bool) -> std::result::Result<Load, String> {
        let deadline = Instant::now() + PATIENCE;
        match self.try_look(connections, deadline) {
            // It was said to be silent, and would be each time.
            Ok(_) if deadline <= Instant::now() => Err(silent(&self.address.to_string())),
            Ok(load) => Ok(load),
            Err(Error::Gearman(gearman_core::Error::Timeout { server, .. })) => Err(silent(&server)),
            Err(error) => Err(error.to_string()),
        }
    }

    fn try_look(&mut self, connections: bool, deadline: Instant) -> Result<Load> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => Session::connect(&self.address, self.tls.clone(), PATIENCE)?,
        };
        if deadline <= Instant::now() {
            // Looking up its name may take that long, each time: the next look begins with the connection.
            self.session = Some(session);
            let (server, waited) = (self.address.to_string(), PATIENCE.as_millis() as u64);
            return Err(gearman_core::Error::Timeout { server, waited }.into());
        }
        session.bound(LARGEST, deadline);
        let mut load = self.functions(&mut session)?;
        if connections && load.ours {
            let answer = session.ask("connections")?;
            if Refusal::read(&answer).is_none() {
                load.connections = Some(done(&answer));
            }
        }
        self.session = Some(session);
        Ok(load)
    }

    fn functions(&self, session: &mut Session) -> Result<Load> {
        let answer = session.ask("counters")?;
        match refusal(&answer) {
            None => return Ok(Load { ours: true, functions: of_counters(&answer)?, connections: None }),
            Some(refusal) if !refusal.is_unknown_command() => return Err(self.refused(&refusal)),
            Some(_) => {}
        }
        let answer = session.ask("status")?;
        if let Some(refusal) = refusal(&answer) {
            return Err(self.refused(&refusal));
        }
        let functions = listing::status(&answer)?.into_iter().map(|f| FunctionLoad {
            function: f.function,
            waiting: f.queued,
            running: f.running,
            ..FunctionLoad::default()
        });
        Ok(Load { ours: false, functions: functions.collect(), connections: None })
    }

    fn refused(&self, refusal: &Refusal<'_>) -> Error {
        let words: Vec<u8> = refusal.text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        gearman_core::Error::refused(&self.address, refusal.code, &words).into()
    }
}

/// What a server refuses. A function may be called `ERR `: then it has columns.
fn refusal(answer: &[u8]) -> Option<Refusal<'_>> {
    Refusal::read(answer).filter(|_| !answer.contains(&b'\t'))
}

fn of_counters(answer: &[u8]) -> Result<Vec<FunctionLoad>> {
    let load = |f: crate::counters::FunctionCounters| {
        let number = |name: &str| match f.fields.get(name) {
            Some(Count::Number(n)) => *n,
            _ => 0,
        };
        // Jobs that a policy holds back wait for nobody.
        let may_run = number("paused") == 0;
        let waiting =
            if may_run { ["high", "normal", "low"].map(number).into_iter().fold(0, u64::saturating_add) } else { 0 };
        let shared = if may_run { number("free") } else { 0 };
        let oldest = (waiting > 0).then(|| Duration::from_micros(number("oldest_us")));
        FunctionLoad { waiting, shared, running: number("running"), oldest, function: f.function }
    };
    Ok(counters(answer)?.functions.into_iter().map(load).collect())
}

/// Descriptor, address, name, jobs that it has, jobs that it has ended.
fn done(answer: &[u8]) -> Vec<Done> {
    let line = |line: &[u8]| {
        let fields: Vec<&[u8]> = line.split(|b| *b == b'\t').collect();
        let [connection, _, id, _, jobs, ..] = fields[..] else { return None };
        let jobs = std::str::from_utf8(jobs).ok()?.parse().ok()?;
        (!id.is_empty()).then(|| Done { connection: shown(connection), id: shown(id), jobs })
    };
    answer.split(|b| *b == b'\n').filter_map(line).collect()
}

/// What all servers together say of these functions.
pub fn demand<'a>(loads: impl IntoIterator<Item = &'a Load>, functions: &[Pattern]) -> Demand {
    let mut demand = Demand::default();
    let mut shared = std::collections::BTreeMap::<&str, u64>::new();
    for load in loads {
        for f in load.functions.iter().filter(|f| functions.iter().any(|pattern| pattern.matches(&f.function))) {
            // Numbers of others: any are possible.
            demand.waiting = demand.waiting.saturating_add(f.waiting);
            demand.running = demand.running.saturating_add(f.running);
            demand.oldest = demand.oldest.max(f.oldest);
            let most = shared.entry(&f.function).or_default();
            *most = f.shared.max(*most);
        }
    }
    demand.waiting = shared.values().fold(demand.waiting, |sum, shared| sum.saturating_add(*shared));
    demand
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    #[test]
    fn what_several_servers_say() {
        let counters = "server\tuptime_s=1\n\
            function\tmail.send\thigh=1\tnormal=2\tlow=0\tdelayed=9\trunning=3\toldest_us=1500000\tpaused=0\tfree=5\n\
            function\tmail.bulk\thigh=0\tnormal=7\tlow=0\trunning=1\toldest_us=9000000\tpaused=1\n\
            function\tresize\thigh=0\tnormal=1\tlow=0\trunning=0\toldest_us=1\tpaused=0\n.\n";
        let one = Load { ours: true, functions: of_counters(counters.as_bytes()).unwrap(), connections: None };
        let mail = [Pattern::new("mail*").unwrap()];
        let oldest = Some(Duration::from_millis(1500));
        // What is shared is there once, though both tell of it.
        assert_eq!(demand([&one, &one], &mail), Demand { waiting: 3 + 3 + 5, running: 8, oldest });
        assert_eq!(demand([&one], &[]), Demand::default());
        // They wrapped around, and so there was nothing to do.
        let counters = format!("function\tmail\thigh={0}\tnormal={0}\tlow=1\trunning={0}\tfree={0}\n.\n", u64::MAX);
        let most = Load { ours: true, functions: of_counters(counters.as_bytes()).unwrap(), connections: None };
        let all = demand([&most, &most], &mail);
        assert_eq!((all.waiting, all.running), (u64::MAX, u64::MAX));
    }

    /// Where the first name server was down, each name took five seconds: the connection came too late for its look, was dropped, and
    /// so was that of each look after it.
    #[test]
    fn a_connection_that_comes_too_late_is_for_the_next_look() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = ServerAddress::new("127.0.0.1", listener.local_addr().unwrap().port().into()).unwrap();
        let answering = std::thread::spawn(move || {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            stream.get_mut().write_all(b"server\tuptime_s=1\n.\n").unwrap();
            line
        });
        let mut server = Server::new(address, None);
        let late = server.try_look(false, Instant::now());
        assert!(matches!(late, Err(Error::Gearman(gearman_core::Error::Timeout { .. }))), "{late:?}");
        assert_eq!(server.look(false), Ok(Load { ours: true, ..Load::default() }));
        assert_eq!(answering.join().unwrap(), "counters\r\n");
    }

    #[test]
    fn connections() {
        let answer = b"7\t127.0.0.1\tmail-1@h\t1\t17\t0\n8\tunix\t\t0\t3\t0\n9\tx\n.\n";
        assert_eq!(done(answer), [Done { connection: "7".into(), id: "mail-1@h".into(), jobs: 17 }]);
    }
}
