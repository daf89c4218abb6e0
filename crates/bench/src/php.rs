//! The PHP scripts of bench/, under either module and either server.

use crate::Result;
use crate::process::{Process, wait_until};
use crate::server::{Kind, Server};
use crate::setup::Setup;
use std::process::Command;
use std::time::Duration;

/// No script takes nearly as long on a machine that works.
const LIMIT: Duration = Duration::from_secs(120);
/// The function that all scripts use.
pub(crate) const FUNCTION: &str = "echo";

/// Which module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Module {
    Ours,
    Pecl,
}

/// A module, a server, and what php.ini says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stack {
    pub(crate) name: &'static str,
    pub(crate) module: Module,
    pub(crate) server: Kind,
    /// Settings as php's -d takes them.
    pub(crate) settings: &'static [&'static str],
    pub(crate) way: Way,
}

/// How the server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Tcp,
    /// By its socket file.
    Unix,
    /// By TLS, over TCP; of a server that is [`Kind::OursTls`].
    Tls,
}

const fn stack(name: &'static str, module: Module, server: Kind) -> Stack {
    Stack { name, module, server, settings: &[], way: Way::Tcp }
}
/// Ours altogether.
pub(crate) const OURS: Stack = stack("ours", Module::Ours, Kind::Ours);
/// Our module on the server people have.
pub(crate) const OURS_ON_C: Stack = stack("ours on C", Module::Ours, Kind::C);
/// What people have: the base of all ratios.
pub(crate) const PECL_ON_C: Stack = stack("pecl on C", Module::Pecl, Kind::C);
/// Our server for programs that stay with pecl.
pub(crate) const PECL_ON_OURS: Stack = stack("pecl on ours", Module::Pecl, Kind::Ours);
/// The four of them.
pub(crate) const STACKS: [Stack; 4] = [OURS, OURS_ON_C, PECL_ON_C, PECL_ON_OURS];

impl Stack {
    pub(crate) const fn with(self, name: &'static str, settings: &'static [&'static str]) -> Stack {
        Stack { name, settings, ..self }
    }

    /// `php` with the module, and with the server in its environment.
    pub(crate) fn php(&self, setup: &Setup, server: &Server) -> Command {
        let module = match self.module {
            Module::Ours => &setup.module,
            Module::Pecl => &setup.pecl,
        };
        let mut command = php(setup, std::slice::from_ref(module));
        for setting in self.settings {
            command.args(["-d", setting]);
        }
        let (host, port) = match self.way {
            Way::Tcp => ("127.0.0.1".into(), server.port),
            Way::Unix => (format!("unix://{}", server.path.display()), 0),
            Way::Tls => {
                command.args(["-d", "gearman.ssl=1", "-d"]);
                command.arg(format!("gearman.ssl_ca_file={}", setup.tls.ca.display()));
                ("127.0.0.1".into(), server.tls_port.unwrap_or(0))
            }
        };
        command.env("BENCH_HOST", host).env("BENCH_PORT", port.to_string());
        command
    }

    /// Runs a script to its end; the seconds that it measured itself.
    pub(crate) fn run(&self, setup: &Setup, server: &Server, script: &str, arguments: &[u64]) -> Result<f64> {
        let mut command = self.php(setup, server);
        command.arg(setup.scripts.join(script)).args(arguments.iter().map(u64::to_string));
        seconds(self.name, &mut command)
    }

    /// A worker process, once the server knows of it.
    pub(crate) fn worker(&self, setup: &Setup, server: &Server) -> Result<Process> {
        let mut command = self.php(setup, server);
        command.arg(setup.scripts.join("worker.php"));
        let mut worker = Process::start(&format!("{}: worker.php", self.name), &mut command)?;
        wait_until("the worker registers", || {
            worker.expect_running()?;
            Ok(server.counts(FUNCTION)?.workers > 0)
        })?;
        Ok(worker)
    }
}

/// `php` with these modules alone.
pub(crate) fn php(setup: &Setup, modules: &[String]) -> Command {
    let mut command = Command::new(&setup.php);
    command
        .args(["-n", "-d", "display_errors=stderr", "-d", "memory_limit=-1"])
        .env("LD_LIBRARY_PATH", &setup.libraries);
    // Servers are chosen by address only.
    command.env_remove("GEARMAN_SERVERS").env_remove("GEARMAN_SERVER");
    for module in modules {
        command.args(["-d", &format!("extension={module}")]);
    }
    command
}

/// The seconds that a script printed at its end.
pub(crate) fn seconds(name: &str, command: &mut Command) -> Result<f64> {
    let shown = format!("{name}: {command:?}");
    let (out, _) = Process::start(&shown, command)?.finish(LIMIT)?;
    Ok(out.trim().parse().map_err(|_| format!("{shown} printed: {out}"))?)
}
