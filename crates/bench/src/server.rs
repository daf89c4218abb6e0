//! Job servers of three kinds, each on a free port of its own.

use crate::process::{Process, free_port, wait_until};
use crate::setup::Setup;
use crate::{Result, progress};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    /// The same, which listens for TLS too.
    OursTls,
    C,
    /// Answers at once and stores nothing: what sockets and packets alone cost.
    Null,
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) port: u16,
    /// Its socket in the file system, where it has one.
    pub(crate) path: PathBuf,
    /// Its port for TLS, where it has one.
    pub(crate) tls_port: Option<u16>,
}

/// A function's counts, from the server's answer to `status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) jobs: u64,
    pub(crate) running: u64,
    pub(crate) workers: u64,
}

impl Server {
    pub(crate) fn start(setup: &Setup, kind: Kind) -> Result<Server> {
        let mut tries = 5;
        loop {
            // Another program may take the port in between.
            match Server::start_on(setup, kind, free_port()?) {
                Err(e) if tries > 1 => progress(&format!("once more: {e}"))?,
                result => return result,
            }
            tries -= 1;
        }
    }

    fn start_on(setup: &Setup, kind: Kind, port: u16) -> Result<Server> {
        let path = setup.scratch.join(format!("{port}.sock"));
        let mut command = match kind {
            Kind::Ours | Kind::OursTls => Command::new(&setup.gearmand),
            Kind::C => Command::new(&setup.c_gearmand),
            Kind::Null => Command::new(&setup.bench),
        };
        if kind == Kind::Null {
            command.arg("null-server").arg(port.to_string());
        } else {
            command.args(["-p", &port.to_string(), "-L", "127.0.0.1", "-l"]);
            command.arg(setup.scratch.join(format!("{port}.log")));
            command.arg("-P").arg(setup.scratch.join(format!("{port}.pid")));
            // Root's servers become another user, who may not write here.
            command.args(setup.server_user.split_whitespace());
        }
        if matches!(kind, Kind::Ours | Kind::OursTls) {
            command.arg("-L").arg(format!("unix://{}", path.display()));
        }
        let tls_port = if kind == Kind::OursTls { Some(free_port()?) } else { None };
        if let Some(port) = tls_port {
            command.arg("-L").arg(format!("tls://127.0.0.1:{port}"));
            command.arg("--ssl-certificate").arg(&setup.tls.certificate).arg("--ssl-key").arg(&setup.tls.key);
        }
        let process = Process::start(&format!("{kind:?} server"), &mut command)?;
        let mut server = Server { process, port, path, tls_port };
        wait_until("the server listens", || {
            server.process.expect_running()?;
            Ok(server.ask("version").is_ok_and(|line| line.starts_with("OK")))
        })?;
        Ok(server)
    }

    pub(crate) fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn text(&self, command: &str) -> Result<BufReader<TcpStream>> {
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(format!("{command}\n").as_bytes())?;
        Ok(BufReader::new(stream))
    }

    fn ask(&self, command: &str) -> Result<String> {
        let mut line = String::new();
        self.text(command)?.read_line(&mut line)?;
        Ok(line)
    }

    pub(crate) fn counts(&self, function: &str) -> Result<Counts> {
        for line in self.text("status")?.lines() {
            let line = line?;
            let mut fields = line.split('\t');
            if fields.next() == Some(function) {
                let mut next = || -> Result<u64> { Ok(fields.next().ok_or("short status")?.trim().parse()?) };
                return Ok(Counts { jobs: next()?, running: next()?, workers: next()? });
            }
            if line == "." {
                break;
            }
        }
        Ok(Counts::default())
    }

    /// Fails where another number of jobs is queued.
    pub(crate) fn expect_jobs(&self, function: &str, wanted: u64) -> Result<()> {
        let found = self.counts(function)?.jobs;
        if found == wanted { Ok(()) } else { Err(format!("{found} jobs are queued, not {wanted}").into()) }
    }
}
