//! Three servers that share a queue, eight clients and six workers; and servers that are killed and stopped, a database that is
//! restarted, connections that are cut. TORTURE_ROUNDS says how many rounds (`make torture`: 200), each with one of these.
//!
//! What clients and workers see is kept in a [`Ledger`], and is judged at the end beside what the database says of servers that
//! were declared dead.

mod ledger;
mod peers;
mod servers;

use crate::cluster::Cluster;
use crate::databases::{Database, Kind};
use crate::torture::{Moments, rounds};
use ledger::Ledger;
use peers::{client, worker};
use servers::{Fault, Servers};
use std::sync::Arc;
use std::time::{Duration, Instant};

const CLIENTS: u64 = 8;
const WORKERS: u64 = 6;
/// A round ends when so many jobs more were acknowledged, and so many more are over.
const ENOUGH: usize = 20;
/// What a round may take on the busiest of machines.
const LONG: Duration = Duration::from_secs(120);

/// In this order again and again, so that a few rounds have all of them.
const FAULTS: [Fault; 10] = [
    Fault::Kill,
    Fault::CutAnswers,
    Fault::StopLong,
    Fault::Restart,
    Fault::Cut,
    Fault::Terminate,
    Fault::Stop,
    Fault::CutAnswers,
    Fault::CutLong,
    Fault::Kill,
];

#[test]
fn a_cluster_loses_no_acknowledged_job_and_runs_none_twice_without_cause() {
    let Some(mut database) = Database::start(Kind::Postgres) else { return };
    let cluster = Cluster::of(&database, "torture");
    let (ledger, mut moments) = (Arc::new(Ledger::default()), Moments::new());
    let mut servers = Servers::start(&cluster);
    servers.policy("f retries=3 backoff=20ms dead-letters=1000000");
    let begin = Instant::now();
    let clients: Vec<_> = (0..CLIENTS).map(|i| client(&ledger, servers.places(), i)).collect();
    let workers: Vec<_> = (0..WORKERS).map(|i| worker(&ledger, servers.places(), i)).collect();
    for round in 0..rounds() {
        let before = ledger.progress();
        std::thread::sleep(moments.next());
        let fault = FAULTS[round as usize % FAULTS.len()];
        servers.suffer(fault, &mut moments, &mut database);
        let enough =
            |(acknowledged, over): (usize, usize)| acknowledged >= before.0 + ENOUGH && over >= before.1 + ENOUGH;
        let since = Instant::now();
        while !enough(ledger.progress()) {
            assert!(since.elapsed() < LONG, "round {round}, {fault:?}: nothing goes on: {}", servers.log());
            ledger.wait();
            servers.heal_those_declared_dead();
        }
    }
    servers.heal_all();
    ledger.stop_clients();
    clients.into_iter().for_each(|client| client.join().unwrap());
    let sql = cluster.sql();
    let since = Instant::now();
    while sql.number("SELECT count(*) FROM @.job") > 0 {
        assert!(since.elapsed() < LONG, "jobs are left: {}", servers.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = begin.elapsed();
    let deaths = [sql.named(servers::DEATHS), servers.ended()].concat();
    let dead = sql.numbers::<1>("SELECT id FROM @.dead").into_iter().map(|[id]| id as u64).collect();
    let log = servers.stop();
    ledger.stop_workers();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    let verdict = ledger.judge(&deaths, &dead);
    println!("{} rounds of three servers in {:.0} s: {verdict}", rounds(), took.as_secs_f64());
    assert!(verdict.is_good(), "{verdict}: {:#?}\n{log}", verdict.wrong);
}
