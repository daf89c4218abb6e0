//! Detaching from the terminal (`-d`), and changing the user (`-u`). Nothing of the server.

use nix::sys::stat::Mode;
use nix::unistd::{ForkResult, Gid, Uid, User, chown, fork, getgrouplist, pipe};
use nix::unistd::{setegid, seteuid, setgid, setgroups, setsid, setuid};
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
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

/// The user to become, where that is another.
#[derive(Debug)]
pub(crate) struct Other {
    user: User,
    /// All that it is in, its first one too.
    groups: Vec<Gid>,
}

impl Other {
    pub(crate) fn find(name: &str) -> Result<Option<Other>, String> {
        let user = User::from_name(name).map_err(|e| format!("--user {name}: {e}"))?;
        let user = user.ok_or_else(|| format!("--user {name}: no such user"))?;
        if Uid::effective() == user.uid {
            return Ok(None);
        }
        let groups_of = |name: &str| -> io::Result<Vec<Gid>> { Ok(getgrouplist(&CString::new(name)?, user.gid)?) };
        let groups = groups_of(&user.name).map_err(|e| format!("--user {name}: which groups is it in? {e}"))?;
        Ok(Some(Other { user, groups }))
    }

    /// Files are that user's until the guard is dropped: it may do no more than the server may later.
    pub(crate) fn borrow(&self) -> Result<Borrowed, String> {
        let own = Borrowed(Uid::effective(), Gid::effective());
        self.named(setgroups(&self.groups))?;
        self.named(setegid(self.user.gid))?;
        self.named(seteuid(self.user.uid))?;
        Ok(own)
    }

    /// From here on there is no way back. These files, which the server will write again or remove, are that user's.
    pub(crate) fn settle(&self, files: &[&Path]) -> Result<(), String> {
        for file in files {
            self.named(chown(*file, Some(self.user.uid), Some(self.user.gid)))?;
        }
        self.named(setgroups(&self.groups))?;
        self.named(setgid(self.user.gid))?;
        self.named(setuid(self.user.uid))
    }

    /// With the option in an error.
    fn named<T>(&self, done: nix::Result<T>) -> Result<T, String> {
        done.map_err(|e| format!("--user {}: {e}", self.user.name))
    }
}

/// Takes the own user and group back when it is dropped.
#[derive(Debug)]
pub(crate) struct Borrowed(Uid, Gid);

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Err(error) = seteuid(self.0).and_then(|()| setegid(self.1)) {
            tracing::error!("cannot take the own rights back: {error}");
        }
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
