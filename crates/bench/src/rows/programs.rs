//! PHP programs: what a user waits for.

use super::MICROSECONDS;
use crate::Result;
use crate::floor;
use crate::load;
use crate::php::{FUNCTION, OURS, OURS_ON_C, PECL_ON_C, STACKS, Stack, Way, php, seconds};
use crate::process::{Process, free_port};
use crate::row::{Row, Target, Variant, ratio, variant};
use crate::server::{Kind, Server};
use crate::setup::Setup;
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;

const PREFETCH: &[&str] = &["gearman.prefetch=16"];
const UNIX: Stack = Stack { name: "ours, unix socket", way: Way::Unix, ..OURS };
const OURS_PREFETCH: Stack = OURS.with("ours, prefetch 16", PREFETCH);
const C_PREFETCH: Stack = OURS_ON_C.with("ours on C, prefetch 16", PREFETCH);
const PERSISTENT: Stack = OURS.with("ours, persistent", &["gearman.persistent=1"]);
const TLS: Stack = Stack { name: "ours, TLS", server: Kind::OursTls, way: Way::Tls, ..OURS };
const TLS_PERSISTENT: Stack = TLS.with("ours, TLS, persistent", &["gearman.persistent=1"]);
const TLS_ANEW: Stack = TLS.with("ours, TLS, whole handshakes", &[]);
const MEGABYTE: u64 = 1 << 20;

/// Where a script finds its server as it needs it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A worker in a process of its own.
    Worker,
    /// Nothing; afterwards all its jobs must be queued.
    Nothing,
    /// Its jobs, queued by the load generator.
    Queued,
}

/// Microseconds for each of `n`.
fn run(setup: &Setup, stack: Stack, before: Before, script: &str, arguments: &[u64]) -> Result<Vec<f64>> {
    let server = Server::start(setup, stack.server)?;
    let n = setup.jobs(arguments[0]);
    let _worker = if before == Before::Worker { Some(stack.worker(setup, &server)?) } else { None };
    if before == Before::Queued {
        load::queue(&server, FUNCTION, n)?;
        server.expect_jobs(FUNCTION, n)?;
    }
    let seconds = stack.run(setup, &server, script, &[&[n], &arguments[1..]].concat())?;
    // A worker's last WORK_COMPLETE may still be on its way when it ends.
    crate::process::wait_until("the queue is as it should be", || {
        Ok(server.counts(FUNCTION)?.jobs == if before == Before::Nothing { n } else { 0 })
    })?;
    Ok(vec![seconds * 1e6 / n as f64])
}

fn stacks(list: &[Stack], before: Before, script: &'static str, arguments: &'static [u64]) -> Vec<Variant> {
    let one = |stack: &Stack| {
        let stack = *stack;
        variant(stack.name, move |setup| run(setup, stack, before, script, arguments))
    };
    list.iter().map(one).collect()
}

fn hops(name: &'static str, hops: usize) -> Variant {
    variant(name, move |setup| Ok(vec![floor::hops(setup, hops, setup.jobs(20_000))?]))
}

fn redis(name: &'static str, how: &'static str, n: u64) -> Variant {
    variant(name, move |setup| {
        let port = free_port()?.to_string();
        let n = setup.jobs(n);
        let flags = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port];
        let mut server = Process::start("redis-server", Command::new(&setup.redis).args(flags))?;
        let address = (Ipv4Addr::LOCALHOST, port.parse()?);
        crate::process::wait_until("redis-server listens", || {
            server.expect_running()?;
            Ok(TcpStream::connect(address).is_ok())
        })?;
        let mut command = php(setup, &setup.phpredis);
        command.env("BENCH_HOST", "127.0.0.1").env("BENCH_PORT", &port);
        command.arg(setup.scripts.join("redis.php")).args([how, &n.to_string()]);
        Ok(vec![seconds(name, &mut command)? * 1e6 / n as f64])
    })
}

fn row(name: &'static str, title: &'static str, variants: Vec<Variant>, targets: Vec<Target>) -> Row {
    Row { name, title, metrics: &[MICROSECONDS], variants, targets, rounds: usize::MAX }
}

const BASE: &str = PECL_ON_C.name;

pub(super) fn rows() -> Vec<Row> {
    vec![do_small(), do_large(), background(), tasks(), tasks_background(), drain(), page()]
}

fn do_small() -> Row {
    let mut variants = stacks(&STACKS, Before::Worker, "do.php", &[5_000, 12]);
    variants.extend(stacks(&[UNIX, TLS], Before::Worker, "do.php", &[5_000, 12]));
    variants.extend([hops("raw, 2 hops", 2), hops("raw, 4 hops", 4), hops("raw, 6 hops", 6)]);
    let targets = vec![
        vec![ratio("ours", BASE, 0.45)],
        vec![ratio("ours", "raw, 4 hops", 1.5)],
        vec![ratio(UNIX.name, BASE, 0.35)],
        vec![ratio("ours on C", BASE, 0.85)],
        vec![ratio(TLS.name, "ours", 1.35)],
        vec![ratio(TLS.name, BASE, 0.65)],
    ];
    row("do", "doNormal, 12 bytes there and back", variants, targets)
}

fn do_large() -> Row {
    // Pecl on C needs a thousand times as long as what is measured beside.
    let mut variants = stacks(&[OURS, TLS], Before::Worker, "do.php", &[200, MEGABYTE]);
    variants.extend(stacks(&STACKS[1..], Before::Worker, "do.php", &[5, MEGABYTE]));
    variants.push(variant("raw relay", |setup| Ok(vec![floor::blob(setup, MEGABYTE as usize, setup.jobs(300))?])));
    let targets = vec![
        vec![ratio("ours", BASE, 0.02)],
        vec![ratio("ours", "raw relay", 3.0)],
        vec![ratio(TLS.name, "ours", 4.0)],
    ];
    row("do-1mb", "doNormal, 1 MB there and back", variants, targets)
}

fn background() -> Row {
    let mut variants = stacks(&STACKS, Before::Nothing, "background.php", &[20_000]);
    variants.extend([hops("raw, 2 hops", 2), redis("phpredis rPush", "push", 20_000)]);
    let targets = vec![vec![ratio("ours", BASE, 0.85)], vec![ratio("ours", "raw, 2 hops", 1.3)]];
    row("background", "doBackground", variants, targets)
}

fn tasks() -> Row {
    let mut variants = stacks(&STACKS, Before::Worker, "tasks.php", &[10_000]);
    variants.extend(stacks(&[OURS_PREFETCH, C_PREFETCH], Before::Worker, "tasks.php", &[10_000]));
    let targets = vec![vec![ratio("ours", BASE, 0.75)], vec![ratio(OURS_PREFETCH.name, BASE, 0.3)]];
    row("tasks", "10,000 addTask and runTasks, one worker; each", variants, targets)
}

fn tasks_background() -> Row {
    let mut variants = stacks(&STACKS, Before::Nothing, "tasks-background.php", &[10_000]);
    variants.push(redis("phpredis rPush, pipelined", "pipelined", 10_000));
    let targets = vec![vec![ratio("ours", BASE, 0.15)], vec![ratio("ours", "phpredis rPush, pipelined", 2.0)]];
    row("tasks-background", "10,000 addTaskBackground and runTasks; each", variants, targets)
}

fn drain() -> Row {
    let mut variants = stacks(&STACKS, Before::Queued, "drain.php", &[100_000]);
    variants.extend(stacks(&[OURS_PREFETCH, C_PREFETCH], Before::Queued, "drain.php", &[100_000]));
    variants.push(hops("raw, 2 hops", 2));
    let targets = vec![
        vec![ratio("ours", BASE, 0.75), ratio("ours", "raw, 2 hops", 1.3)],
        vec![ratio(OURS_PREFETCH.name, BASE, 0.3)],
    ];
    row("drain", "one worker drains 100,000 queued jobs; each", variants, targets)
}

fn page() -> Row {
    let mut variants = stacks(&STACKS, Before::Nothing, "page.php", &[2_000]);
    variants.extend(stacks(&[PERSISTENT, TLS, TLS_PERSISTENT], Before::Nothing, "page.php", &[2_000]));
    variants.extend(stacks(&[TLS_ANEW], Before::Nothing, "page.php", &[500, 1]));
    let targets = vec![
        vec![ratio(PERSISTENT.name, BASE, 0.35)],
        vec![ratio("ours", BASE, 0.7)],
        vec![ratio(TLS.name, TLS_ANEW.name, 0.5)],
        vec![ratio(TLS_PERSISTENT.name, PERSISTENT.name, 1.3)],
    ];
    row("page", "new client, addServer, doBackground", variants, targets)
}
