//! `gearman-runner`: keeps worker programs running.

#![forbid(unsafe_code)]

use gearman_tools::flags::parse;
use gearman_tools::runner::check::check;
use gearman_tools::runner::config::Config;
use gearman_tools::runner::control::ask;
use gearman_tools::runner::flags::{Ask, Runner};
use gearman_tools::runner::launch::{BECOME, become_program};
use gearman_tools::runner::run::{HAD_TO_KILL, run};
use gearman_tools::{ended, print, report};
use std::process::ExitCode;

const NAME: &str = "gearman-runner";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == BECOME) {
        let (reason, status) = become_program(arguments.next());
        report(NAME, reason);
        return ExitCode::from(status);
    }
    let flags: Runner = match parse(std::env::args_os()) {
        Ok(flags) => flags,
        Err(status) => return status,
    };
    match flags.command.clone() {
        Some(question) => asked(&flags, &question),
        None => runs(&flags),
    }
}

fn runs(flags: &Runner) -> ExitCode {
    let config = match Config::read(&flags.config) {
        Ok(config) => config,
        Err(error) => return failed(error),
    };
    if flags.check_config {
        let wrong = check(&config);
        if !wrong.is_empty() {
            wrong.iter().for_each(|reason| report(NAME, format!("{}: {reason}", flags.config.display())));
            return ExitCode::FAILURE;
        }
        let text = format!("{}: good, {} groups\n", flags.config.display(), config.groups.len());
        return ended(NAME, print(&[text.as_bytes()]).map(|()| true));
    }
    match run(&flags.config, config) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(HAD_TO_KILL),
        Err(error) => failed(error),
    }
}

fn asked(flags: &Runner, question: &Ask) -> ExitCode {
    let socket = match &flags.socket {
        Some(socket) => socket.clone(),
        None => match Config::read_socket(&flags.config) {
            Ok(Some(socket)) => socket,
            Ok(None) => {
                let text = "has no socket: write socket = \"/run/gearman-runner/runner.sock\", or give --socket";
                return failed(format!("{} {text}", flags.config.display()));
            }
            Err(error) => return failed(format!("{error}; with --socket the file is not needed")),
        },
    };
    match ask(&socket, &question.line()) {
        Ok(Ok(text)) => ended(NAME, print(&[text.as_bytes()]).map(|()| true)),
        Ok(Err(reason)) => failed(reason),
        Err(error) => failed(format!("no runner answers at {}: {error}", socket.display())),
    }
}

fn failed(reason: impl std::fmt::Display) -> ExitCode {
    report(NAME, reason);
    ExitCode::FAILURE
}
