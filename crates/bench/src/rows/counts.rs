//! What is counted rather than timed: system calls, instructions, bytes; and what a program pays for
//! having loaded the module.

use crate::Result;
use crate::load;
use crate::php::{FUNCTION, Module, OURS, PECL_ON_C, PECL_ON_OURS, Stack, php};
use crate::process::Process;
use crate::row::{Metric, Row, Variant, most, ratio, variant};
use crate::server::Server;
use crate::setup::Setup;
use crate::stats::summary;
use std::process::Command;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(300);
const PREFETCH: Stack = OURS.with("ours, prefetch 16", &["gearman.prefetch=16"]);
const BASE: &str = PECL_ON_C.name;

pub(super) fn rows() -> Vec<Row> {
    vec![
        calls("calls-background", "system calls of a doBackground in the client", "background.php", &[OURS], 3.0),
        calls("calls-do", "system calls of a doNormal in the client", "do.php", &[OURS], 5.0),
        calls("calls-job", "system calls of a job in a busy worker", "drain.php", &[OURS, PREFETCH], 4.0),
        instructions(),
        method_call(),
        size(),
        start_up(),
    ]
}

/// What `n` more repetitions add, each: start and end of the program cancel out.
fn each(n: u64, count: impl Fn(u64) -> Result<f64>) -> Result<f64> {
    Ok((count(2 * n)? - count(n)?) / n as f64)
}

/// Runs a script under another program that counts; that program's output.
fn counted(setup: &Setup, stack: Stack, counter: &[&str], script: &str, n: u64) -> Result<String> {
    let server = Server::start(setup, stack.server)?;
    let _worker = if script == "do.php" { Some(stack.worker(setup, &server)?) } else { None };
    if script == "drain.php" {
        load::queue(&server, FUNCTION, n)?;
    }
    let php = stack.php(setup, &server);
    let mut command = Command::new(counter[0]);
    command.args(&counter[1..]).arg(php.get_program()).args(php.get_args());
    command.envs(php.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.arg(setup.scripts.join(script)).args([n.to_string(), "12".into()]);
    Ok(Process::start(&format!("{}: {script} under {}", stack.name, counter[0]), &mut command)?.finish(LIMIT)?.1)
}

/// strace's summary on stderr, in the columns asked for, ends with "N total".
fn system_calls(setup: &Setup, stack: Stack, script: &str, n: u64) -> Result<f64> {
    let output = counted(setup, stack, &["strace", "-f", "-c", "-U", "calls,name"], script, n)?;
    let total = output.lines().find_map(|line| line.trim().strip_suffix("total"));
    Ok(total.ok_or_else(|| format!("no total from strace: {output}"))?.trim().parse()?)
}

fn calls(name: &'static str, title: &'static str, script: &'static str, ours: &[Stack], limit: f64) -> Row {
    let one = |stack: &Stack| -> Variant {
        let stack = *stack;
        variant(stack.name, move |setup| Ok(vec![each(setup.jobs(1000), |n| system_calls(setup, stack, script, n))?]))
    };
    let mut targets = vec![vec![most("ours", limit)]];
    if ours.len() > 1 {
        targets.push(vec![most(PREFETCH.name, 3.0)]);
    }
    Row {
        name,
        title,
        metrics: &[Metric { name: "system calls", unit: "calls" }],
        variants: ours.iter().chain([&PECL_ON_C]).map(one).collect(),
        targets,
        rounds: 2,
    }
}

fn executed(setup: &Setup, stack: Stack, script: &str, n: u64) -> Result<f64> {
    let counter = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let output = counted(setup, stack, &counter, script, n)?;
    let total = output.lines().find_map(|line| line.split_once("Collected : "));
    Ok(total.ok_or_else(|| format!("no count from valgrind: {output}"))?.1.trim().parse()?)
}

/// A doBackground, less a method call that does nothing, which is PHP's own.
fn instructions() -> Row {
    let one = |stack: Stack| {
        variant(stack.name, move |setup| {
            let background = each(setup.jobs(500), |n| executed(setup, stack, "background.php", n))?;
            Ok(vec![background - each(setup.jobs(500), |n| executed(setup, stack, "call.php", n))?])
        })
    };
    Row {
        name: "instructions",
        title: "instructions of a doBackground in the PHP process, over an empty method call",
        metrics: &[Metric { name: "instructions", unit: "" }],
        variants: vec![one(OURS), one(PECL_ON_C)],
        targets: vec![vec![ratio("ours", BASE, 0.5)]],
        rounds: 2,
    }
}

fn method_call() -> Row {
    const CALLS: u64 = 10_000_000;
    let one = |stack: Stack| {
        variant(stack.name, move |setup| {
            // It never connects.
            let mut command = php(setup, std::slice::from_ref(module(setup, stack.module)));
            command.arg(setup.scripts.join("call.php")).arg(CALLS.to_string());
            Ok(vec![crate::php::seconds(stack.name, &mut command)? * 1e9 / CALLS as f64])
        })
    };
    Row {
        name: "method",
        title: "a method call: returnCode()",
        metrics: &[Metric { name: "time", unit: "ns" }],
        variants: vec![one(OURS), one(PECL_ON_C)],
        targets: vec![vec![ratio("ours", BASE, 1.1)]],
        rounds: usize::MAX,
    }
}

fn module(setup: &Setup, module: Module) -> &String {
    match module {
        Module::Ours => &setup.module,
        Module::Pecl => &setup.pecl,
    }
}

fn size() -> Row {
    let one = |stack: Stack| {
        variant(stack.name, move |setup| {
            let stripped = setup.scratch.join("stripped.so");
            let mut command = Command::new("strip");
            command.arg("-o").arg(&stripped).arg(module(setup, stack.module));
            Process::start("strip", &mut command)?.finish(LIMIT)?;
            Ok(vec![std::fs::metadata(stripped)?.len() as f64 / 1e6])
        })
    };
    Row {
        name: "size",
        title: "the module's file, stripped (pecl's needs libgearman besides)",
        metrics: &[Metric { name: "size", unit: "MB" }],
        variants: vec![one(OURS), one(PECL_ON_OURS.with(BASE, &[]))],
        targets: vec![vec![most("ours", 3.0)]],
        rounds: 1,
    }
}

fn start_up() -> Row {
    const RUNS: u32 = 60;
    let once = |setup: &Setup, modules: &[String]| -> Result<Duration> {
        let begin = Instant::now();
        let mut command = php(setup, modules);
        Process::start("php -r ''", command.args(["-r", ""]))?.finish(LIMIT)?;
        Ok(begin.elapsed())
    };
    let one = |stack: Stack| {
        variant(stack.name, move |setup| {
            let mut added = Vec::new();
            for _ in 0..RUNS {
                let with = once(setup, std::slice::from_ref(module(setup, stack.module)))?;
                added.push((with.as_secs_f64() - once(setup, &[])?.as_secs_f64()) * 1e3);
            }
            Ok(summary(&added).map(|s| s.median).into_iter().collect())
        })
    };
    Row {
        name: "start",
        title: "added to php -r ''",
        metrics: &[Metric { name: "time", unit: "ms" }],
        variants: vec![one(OURS), one(PECL_ON_C)],
        targets: vec![vec![most("ours", 1.0)]],
        rounds: usize::MAX,
    }
}
