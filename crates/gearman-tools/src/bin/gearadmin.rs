//! `gearadmin`: asks a job server how it is, and manages its functions.

#![forbid(unsafe_code)]

use gearman_core::client::inquiry::Outcome;
use gearman_core::protocol::admin::is_ours;
use gearman_core::protocol::answer::Refusal;
use gearman_tools::flags::{Gearadmin, parse};
use gearman_tools::job_flags::otherwise;
use gearman_tools::json::Document;
use gearman_tools::text::{Answer, Session};
use gearman_tools::{Error, Result, ended, print, print_error, report, watch};
use std::process::ExitCode;

fn main() -> ExitCode {
    let flags: Gearadmin = match parse(std::env::args_os()) {
        Ok(flags) => flags,
        Err(status) => return status,
    };
    ended("gearadmin", run(&flags))
}

fn run(flags: &Gearadmin) -> Result<bool> {
    let server = flags.server()?;
    let tls = flags.tls.settings_for(&server, |name| std::env::var_os(name));
    if let Some(interval) = flags.watch {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::io("start"))?;
        return watch::run(server, tls, flags.patience(), interval, runtime).map(|()| true);
    }
    let commands = flags.commands()?;
    if commands.is_empty() {
        return Err(Error::Usage("No option execution operation given. What can be asked: gearadmin --help"));
    }
    let mut session = Session::connect(&server, tls, flags.patience())?;
    let mut document = flags.json.then(Document::default);
    let mut well = true;
    for command in commands {
        let answer = ask(&mut session, &command)?;
        well &= match &mut document {
            Some(document) => {
                document.add(&command, &answer)?;
                !is_refused(&command, &answer)
            }
            None => show(&command, &answer)?,
        };
    }
    if let Some(document) = document {
        print(&[&document.write()?])?;
    }
    Ok(well)
}

fn ask(session: &mut Session, command: &str) -> Result<Vec<u8>> {
    let mut answer = session.ask(command)?;
    for command in otherwise(command) {
        if Refusal::read(&answer).is_none_or(|refusal| refusal.code != b"UNKNOWN_JOB") {
            break;
        }
        answer = session.ask(&command)?;
    }
    Ok(answer)
}

/// A command of ours, and a server that is not.
fn is_unknown(command: &str, answer: &[u8]) -> bool {
    is_ours(command) && Refusal::read(answer).is_some_and(|refusal| refusal.is_unknown_command())
}

/// A command of ours. What C gearadmin has ends well there, whatever the server says.
fn is_refused(command: &str, answer: &[u8]) -> bool {
    is_ours(command) && Refusal::read(answer).is_some()
}

/// False: it was not done, or is not there.
fn show(command: &str, answer: &[u8]) -> Result<bool> {
    if is_unknown(command, answer) {
        let words = if command.starts_with("cancel unique ") { "cancel unique" } else { word(command) };
        report(
            "gearadmin",
            format_args!(
                "the server does not know \"{words}\": it is another one than gearman_rs's gearmand, or older"
            ),
        );
        return Ok(false);
    }
    match Answer::read(answer) {
        Answer::Said(_) if word(command) == "result" => return show_result(answer),
        Answer::Said(text) => print(&[text])?,
        Answer::Refused(text) => {
            print_error(&[b"Error: ", text]);
            return Ok(!is_refused(command, answer));
        }
    }
    Ok(true)
}

fn word(command: &str) -> &str {
    command.split(' ').next().unwrap_or_default()
}

/// What a job returned, and nothing else.
fn show_result(answer: &[u8]) -> Result<bool> {
    let reason = match Outcome::read(answer)? {
        Outcome::Done(data) => return print(&[&data]).map(|()| true),
        Outcome::Failed(reason) if reason.is_empty() => "the job failed".to_owned(),
        Outcome::Failed(reason) => format!("the job failed: {reason}"),
        Outcome::Unfinished(state) => format!("the job has not ended: it is {state}"),
    };
    report("gearadmin", reason);
    Ok(false)
}
