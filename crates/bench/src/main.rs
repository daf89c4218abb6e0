//! `make bench`: every path side by side with pecl on C gearmand, in the same run.
//!
//! ```text
//! stats              medians, paired ratios
//! certificate        what TLS needs
//! setup              which programs and scripts are measured
//! process, server    children: servers, scripts; free ports, deadlines, processor time
//! php                the scripts of bench/ under either module and either server
//! hub                many connections in one thread
//! null               a server that stores nothing
//! load               the load generator: clients and workers in bare packets
//! durable            background jobs through servers that somebody else has started
//! floor              what the machine's sockets cost without Gearman
//! row                variants in alternating order, targets
//! rows, rows::counts, rows::programs, rows::servers  what is measured
//! report, svg        the table and the picture
//! bars               the README's picture, of those tables
//! ```
//!
//! Each module uses only those above it, and a module and its children each other; `scripts/map.sh` checks that.

#![forbid(unsafe_code)]

mod bars;
mod certificate;
mod durable;
mod floor;
mod hub;
mod load;
mod null;
mod php;
mod process;
mod report;
mod row;
mod rows;
mod server;
mod setup;
mod stats;
mod svg;

use clap::{Parser, Subcommand};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What can go wrong in a measurement is only ever printed.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Parser)]
struct Flags {
    #[command(subcommand)]
    part: Option<Part>,
    /// List what can be measured
    #[arg(long)]
    list: bool,
    /// Measure these rows alone
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    only: Vec<String>,
    /// How often each variant is measured
    #[arg(long, default_value_t = 6)]
    rounds: usize,
    /// Take a hundredth of all jobs, to see whether everything works
    #[arg(long)]
    quick: bool,
    /// Write results.json, results.md and results.svg here
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

/// What the harness starts of itself, and what scripts do.
#[derive(Subcommand)]
enum Part {
    /// Background jobs through servers that run: prints what came of it
    Durable(durable::Load),
    /// Print the README's picture, of the tables of this page
    Bars { page: PathBuf },
    #[command(hide = true)]
    NullServer { port: u16 },
    #[command(hide = true)]
    Relay { port: u16, workers: usize, trips: usize, size: usize },
    #[command(hide = true)]
    Echo { port: u16, size: usize },
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let result = match flags.part {
        Some(Part::Durable(load)) => load.run(std::io::stdout()).map(|()| true),
        Some(Part::Bars { page }) => bars(&page).map(|()| true),
        Some(Part::NullServer { port }) => null::serve(port).map(|()| true),
        Some(Part::Relay { port, workers, trips, size }) => floor::relay(port, workers, trips, size).map(|()| true),
        Some(Part::Echo { port, size }) => floor::echo(port, size).map(|()| true),
        None => measure(&flags),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            let _ = progress(&format!("bench: {e}"));
            ExitCode::FAILURE
        }
    }
}

fn bars(page: &Path) -> Result<()> {
    Ok(write!(std::io::stdout(), "{}", bars::picture(&std::fs::read_to_string(page)?)?)?)
}

/// Progress, for whoever waits.
fn progress(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stderr(), "{line}")?)
}

/// False where a row had to be given up. A target that is missed is a result like any other.
fn measure(flags: &Flags) -> Result<bool> {
    let mut rows = rows::all();
    if let Some(name) = flags.only.iter().find(|name| !rows.iter().any(|row| row.name == **name)) {
        return Err(format!("there is no row {name}: --list").into());
    }
    rows.retain(|row| flags.only.is_empty() || flags.only.iter().any(|name| name == row.name));
    let mut out = std::io::stdout();
    if flags.list {
        for row in &rows {
            writeln!(out, "{:<18} {}", row.name, row.title)?;
        }
        return Ok(true);
    }
    let setup = setup::Setup::find(flags.quick)?;
    let mut outcomes = Vec::new();
    let machine = report::machine()?;
    writeln!(out, "{machine}\n")?;
    for row in &rows {
        let outcome = row.run(&setup, flags.rounds, progress);
        write!(out, "{}", report::table(&outcome))?;
        outcomes.push(outcome);
        // After each row, so that a run that is broken off leaves what it has.
        std::fs::create_dir_all(&flags.out)?;
        let file = |name| flags.out.join(name);
        std::fs::write(file("results.json"), serde_json::to_vec_pretty(&outcomes)?)?;
        std::fs::write(file("results.md"), report::all(&machine, &outcomes))?;
        std::fs::write(file("results.svg"), svg::picture(&outcomes))?;
    }
    write!(out, "{}", report::targets(&outcomes))?;
    Ok(outcomes.iter().all(|outcome| outcome.error.is_none()))
}
