//! What `gearman`, `gearadmin` and `gearman-runner` are made of. Names, options and output of the first two are those of the
//! C tools, so that scripts go on working.
//!
//! Each module uses only those above it; `scripts/map.sh` checks that.
//!
//! ```text
//! error       what can go wrong, and where
//! tls         TLS: its options, and a stream that speaks it
//! job_flags   options of gearadmin that only our server can answer
//! flags       the options of both programs, and how they become settings
//! text        gearadmin: commands and answers of the text protocol
//! listing     … what their lists say
//! counters    … what our server has counted
//! life        … what it says of policies, dead letters and single jobs
//! whoami      … who it says a connection is
//! json        … gearadmin --json
//! table       … gearadmin --watch: a table that fits where it is shown
//! estimate    … what it shows of a server that does not count
//! overview    … and of one that does
//! screen      … where a table is shown
//! watch       … looks, again and again
//! client      gearman: submits jobs and shows what comes back
//! worker      gearman -w: runs a command for each job
//! daemon      gearman -d and -i: detaching, and the pid file
//! runner::value            gearman-runner: values of its configuration
//! runner::config::account  … as whom a program runs
//! runner::config::keys     … its keys -> settings
//! runner::config           … the configuration: a file -> settings
//! runner::flags            … its options
//! ---- decisions: values in, values out ----
//! runner::backoff          when a program that crashes is started again
//! runner::scale            how many processes there should be, by the jobs that there are
//! runner::plan             which of them are started, and which end
//! runner::status           what there is to be seen
//! runner::metrics          … as Prometheus reads it
//! ---- the world outside ----
//! runner::lines            bytes -> lines
//! runner::log              what is written, and who writes it
//! runner::process          memory and time of a process
//! runner::launch           a program is started
//! runner::files            whether files have changed
//! runner::task             a task that ends with who began it
//! runner::load             what a server says
//! runner::check            whether what a configuration names is there
//! runner::servers          … all of them, at each look
//! runner::notify           what the service manager is sent
//! ---- all of it ----
//! runner::child            one process
//! runner::group            those that run the same program
//! runner::supervisor       all groups
//! runner::orders           what others ask of it
//! runner::http             … over HTTP
//! runner::control          … over a socket
//! runner::watching         … by changed files
//! runner::reload           the file is read again
//! runner::run              the loop
//! bin/        main functions
//! ```

#![forbid(unsafe_code)]

pub mod client;
pub mod counters;
pub mod daemon;
pub mod error;
mod estimate;
pub mod flags;
pub mod job_flags;
pub mod json;
pub mod life;
pub mod listing;
mod overview;
pub mod runner;
mod screen;
mod table;
pub mod text;
pub mod tls;
pub mod watch;
pub mod whoami;
pub mod worker;

pub use error::{Error, Result};

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

/// The exit status where nobody reads the output to its end (`| head`): what a shell says of SIGPIPE, by which other
/// tools end then.
const UNREAD: u8 = 128 + 13;

/// On standard output, at once.
///
/// # Errors
/// [`Error::Output`].
pub fn print(parts: &[&[u8]]) -> Result<()> {
    let mut out = io::stdout().lock();
    let written = parts.iter().try_for_each(|part| out.write_all(part));
    written.and_then(|()| out.flush()).map_err(Error::Output)
}

/// On standard error. Where that cannot be written nobody wants to know.
pub fn print_error(parts: &[&[u8]]) {
    let mut err = io::stderr().lock();
    let _ = parts.iter().try_for_each(|part| err.write_all(part));
}

/// A line on standard error, behind the program's name.
pub fn report(program: &str, what: impl Display) {
    print_error(&[format!("{program}: {what}\n").as_bytes()]);
}

/// How a program ends, after what went wrong was said. True: all went well.
pub fn ended(program: &str, outcome: Result<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if error.is_unread() => ExitCode::from(UNREAD),
        Err(error) => {
            report(program, error);
            ExitCode::FAILURE
        }
    }
}
