//! The servers alone, driven by the load generator.

use super::MICROSECONDS;
use crate::Result;
use crate::load::{self, Cost, Foreground};
use crate::row::{Claim, Metric, Row, Variant, ratio, variant};
use crate::server::{Kind, Server};
use crate::setup::Setup;
use std::cell::OnceCell;
use std::rc::Rc;

const CPU: Metric = Metric { name: "server's processor", unit: "µs" };
const TIME_AND_CPU: &[Metric] = &[Metric { name: "end to end", ..MICROSECONDS }, CPU];
const KINDS: [(&str, Kind); 3] = [("ours", Kind::Ours), ("C", Kind::C), ("null", Kind::Null)];

const CROWD: Foreground =
    Foreground { clients: 50, workers: 50, pipelining: 1, direct: false, jobs: 100_000, rate: None };

pub(super) fn rows() -> Vec<Row> {
    vec![foreground(), background(true), background(false), latency(), depth()]
}

fn time_and_cpu(cost: Cost) -> Vec<f64> {
    vec![cost.time, cost.cpu]
}

fn foreground_on(setup: &Setup, kind: Kind, load: &Foreground) -> Result<Cost> {
    let server = Server::start(setup, kind)?;
    load::foreground(&server, &Foreground { jobs: setup.jobs(load.jobs), ..*load })
}

fn foreground() -> Row {
    let one = |name, kind, load| variant(name, move |setup| Ok(time_and_cpu(foreground_on(setup, kind, &load)?)));
    let mut variants: Vec<Variant> = KINDS.map(|(name, kind)| one(name, kind, CROWD)).into();
    variants.push(one("ours, direct assignment", Kind::Ours, Foreground { direct: true, ..CROWD }));
    Row {
        name: "server",
        title: "the server alone: 50 clients, 50 workers, small foreground jobs; each",
        metrics: TIME_AND_CPU,
        variants,
        targets: vec![vec![ratio("ours", "C", 0.6).of(1)], vec![ratio("ours", "C", 0.77)]],
        rounds: usize::MAX,
    }
}

fn background(unique: bool) -> Row {
    const JOBS: u64 = 100_000;
    let one = |(name, kind)| {
        variant(name, move |setup| {
            let server = Server::start(setup, kind)?;
            let jobs = setup.jobs(JOBS);
            let cost = load::background(&server, 8, 500, jobs, unique)?;
            if kind != Kind::Null {
                server.expect_jobs("echo", jobs)?;
            }
            Ok(time_and_cpu(cost))
        })
    };
    let (name, title, limit) = match unique {
        true => ("submit-unique", "100,000 background submits by 8 pipelining clients, unique keys; each", 0.1),
        false => ("submit-empty", "100,000 background submits by 8 pipelining clients, no keys; each", 0.4),
    };
    let variants = KINDS.map(one).into();
    let targets = vec![vec![ratio("ours", "C", limit)]];
    Row { name, title, metrics: TIME_AND_CPU, variants, targets, rounds: usize::MAX }
}

fn latency() -> Row {
    // The same rate for all, taken once from the C server.
    let rate: Rc<OnceCell<f64>> = Rc::default();
    let one = |name, kind, direct| {
        let rate = rate.clone();
        variant(name, move |setup: &Setup| {
            let half = match rate.get() {
                Some(rate) => *rate,
                None => {
                    let top = foreground_on(setup, Kind::C, &CROWD)?;
                    crate::progress(&format!("C's top load: {:.0} jobs a second", 1e6 / top.time))?;
                    *rate.get_or_init(|| 0.5e6 / top.time)
                }
            };
            let load = Foreground { direct, rate: Some(half), jobs: (half * 3.0) as u64, ..CROWD };
            Ok(vec![foreground_on(setup, kind, &load)?.p99])
        })
    };
    let mut variants: Vec<Variant> = KINDS.map(|(name, kind)| one(name, kind, false)).into();
    variants.push(one("ours, direct assignment", Kind::Ours, true));
    Row {
        name: "latency",
        title: "a foreground job at half of C's top load, 99th percentile",
        metrics: &[MICROSECONDS],
        variants,
        targets: vec![vec![ratio("ours", "C", 0.5)]],
        rounds: usize::MAX,
    }
}

fn depth() -> Row {
    const SOME: &str = "ours, 1,000 queued";
    const MANY: &str = "ours, 100,000 queued";
    const MOST: &str = "ours, 3,000,000 queued";
    let one = |name, kind, depth| {
        variant(name, move |setup| {
            let server = Server::start(setup, kind)?;
            Ok(time_and_cpu(load::at_depth(&server, setup.jobs(depth), setup.jobs(50_000))?))
        })
    };
    let mut variants: Vec<Variant> =
        [(SOME, 1_000), (MANY, 100_000), (MOST, 3_000_000)].map(|(name, depth)| one(name, Kind::Ours, depth)).into();
    variants.extend([("C, 1,000 queued", 1_000), ("C, 100,000 queued", 100_000)].map(|(n, d)| one(n, Kind::C, d)));
    let claim = |subject, metric, limit| -> Vec<Claim> { vec![ratio(subject, SOME, limit).of(metric)] };
    Row {
        name: "depth",
        title: "a job submitted, another one done, with many queued",
        metrics: TIME_AND_CPU,
        variants,
        targets: vec![claim(MANY, 0, 1.2), claim(MOST, 0, 1.2), claim(MANY, 1, 2.0), claim(MOST, 1, 2.0)],
        rounds: usize::MAX,
    }
}
