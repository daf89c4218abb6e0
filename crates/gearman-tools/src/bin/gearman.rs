//! `gearman`: submits jobs, or works on them with a command.

#![forbid(unsafe_code)]

use gearman_tools::client::{Input, SubmitOptions, Submitter};
use gearman_tools::daemon::{PidFile, detach};
use gearman_tools::flags::{Gearman, parse};
use gearman_tools::worker::{self, WorkOptions};
use gearman_tools::{Error, Result, ended};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

fn main() -> ExitCode {
    let flags: Gearman = match parse(std::env::args_os()) {
        Ok(flags) => flags,
        Err(status) => return status,
    };
    ended("gearman", run(flags))
}

fn run(flags: Gearman) -> Result<bool> {
    // What can be said to be wrong is said before anyone stops looking.
    let servers = flags.servers(|name| std::env::var_os(name))?;
    let tls = flags.tls.settings(|name| std::env::var_os(name));
    if flags.daemon {
        detach()?;
    }
    let _pid_file = flags.pid_file.as_deref().map(PidFile::create).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::io("start"))?;
    let (patience, lines, priority) = (flags.patience(), flags.line_mode(), flags.priority());
    let functions = bytes(flags.functions);
    if flags.worker {
        let options = WorkOptions { functions, command: flags.arguments, lines, count: flags.count, patience };
        return runtime.block_on(worker::run(&options, servers, tls));
    }
    let options = SubmitOptions {
        functions,
        unique: flags.unique.unwrap_or_default().into_vec(),
        priority,
        background: flags.background,
        prefix: flags.prefix,
        verbose: flags.verbose,
        patience,
    };
    let input = match (flags.arguments.is_empty(), flags.suppress_input, lines) {
        (false, ..) => Input::Given(bytes(flags.arguments)),
        (_, true, _) => Input::Nothing,
        (_, _, Some(lines)) => Input::Lines(lines),
        _ => Input::Whole,
    };
    Submitter::new(options, servers, tls, runtime).run(&input)
}

fn bytes(arguments: Vec<OsString>) -> Vec<Vec<u8>> {
    arguments.into_iter().map(OsStringExt::into_vec).collect()
}
