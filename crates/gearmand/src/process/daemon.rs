//! Detaching from the terminal (`-d`), and what files and core files may be. Nothing of the server.

use nix::sys::stat::Mode;
use nix::unistd::{ForkResult, fork, pipe, setsid};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::process::ExitCode;
use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;

/// What the process that was called is sent when all is well.
const READY: u8 = b'!';

/// Who called waits until [`Caller::ready`].
#[derive(Debug)]
pub(crate) struct Caller(File);

/// Which process this is now.
#[derive(Debug)]
pub(crate) enum Side {
    /// The one that goes on, with a line to the one that was called.
    Daemon(Caller),
    /// The one that was called: to exit with this.
    Caller(ExitCode),
}

/// Forks twice, so that the daemon is no session's leader and never gets a terminal. What it writes to
/// stderr until it is ready reaches the terminal. Call it before there are threads or a runtime.
#[allow(unsafe_code, reason = "a fork")]
pub(crate) fn detach() -> io::Result<Side> {
    let (mut reader, writer) = pipe().map(|(r, w)| (File::from(r), File::from(w)))?;
    // SAFETY: there is one thread, which has no runtime and holds no lock.
    if let ForkResult::Parent { child } = unsafe { fork() }? {
        drop(writer);
        let mut sent = Vec::new();
        reader.read_to_end(&mut sent)?;
        nix::sys::wait::waitpid(child, None)?;
        return Ok(Side::Caller(if sent == [READY] { ExitCode::SUCCESS } else { ExitCode::FAILURE }));
    }
    drop(reader);
    setsid()?;
    // SAFETY: as above.
    match unsafe { fork() }? {
        ForkResult::Parent { .. } => Ok(Side::Caller(ExitCode::SUCCESS)),
        ForkResult::Child => Ok(Side::Daemon(Caller(writer))),
    }
}

impl Caller {
    /// Ends when nobody waits any more: the process that was called was killed.
    pub(crate) async fn gone(&self) -> io::Result<()> {
        // A pipe that nobody reads any more is in error.
        Sender::from_file(self.0.try_clone()?)?.ready(Interest::ERROR).await.map(drop)
    }

    /// All is well: the process that was called exits, and the terminal is let go.
    pub(crate) fn ready(mut self) -> io::Result<()> {
        std::env::set_current_dir("/")?;
        let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        nix::unistd::dup2_stdin(&null)?;
        nix::unistd::dup2_stdout(&null)?;
        nix::unistd::dup2_stderr(&null)?;
        // Whoever called may be gone.
        let _ = self.0.write_all(&[READY]);
        Ok(())
    }
}

/// A core file as large as the user may write. Whoever changed users has to ask for it once more.
pub(crate) fn allow_core() -> nix::Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE)?;
    setrlimit(Resource::RLIMIT_CORE, hard, hard)?;
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_dumpable(true)?;
    Ok(())
}

/// Files that the server makes are not for everyone to write; nor to read, where whoever started it wants that.
pub(crate) fn umask() {
    let least = Mode::from_bits_truncate(0o022);
    let given = nix::sys::stat::umask(least);
    nix::sys::stat::umask(given | least);
}
