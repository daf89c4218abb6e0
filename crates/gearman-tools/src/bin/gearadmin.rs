//! `gearadmin`: asks a job server how it is, and manages its functions.

#![forbid(unsafe_code)]

use gearman_tools::flags::{Gearadmin, parse};
use gearman_tools::json::Document;
use gearman_tools::text::{Answer, Session};
use gearman_tools::{Error, Result, ended, print, print_error, watch};
use std::process::ExitCode;

fn main() -> ExitCode {
    let flags: Gearadmin = match parse(std::env::args_os()) {
        Ok(flags) => flags,
        Err(status) => return status,
    };
    ended("gearadmin", run(&flags).map(|()| true))
}

fn run(flags: &Gearadmin) -> Result<()> {
    let server = flags.server()?;
    let tls = flags.tls.settings_for(&server, |name| std::env::var_os(name));
    if let Some(interval) = flags.watch {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::io("start"))?;
        return watch::run(server, tls, flags.patience(), interval, runtime);
    }
    let commands = flags.commands()?;
    if commands.is_empty() {
        return Err(Error::Usage("No option execution operation given. What can be asked: gearadmin --help"));
    }
    let mut session = Session::connect(&server, tls, flags.patience())?;
    let mut document = flags.json.then(Document::default);
    for command in commands {
        let answer = session.ask(&command)?;
        if let Some(document) = &mut document {
            document.add(&command, &answer)?;
            continue;
        }
        match Answer::read(&answer) {
            Answer::Said(text) => print(&[text])?,
            Answer::Refused(text) => print_error(&[b"Error: ", text]),
        }
    }
    match document {
        Some(document) => print(&[&document.write()?]),
        None => Ok(()),
    }
}
