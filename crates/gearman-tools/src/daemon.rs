//! Detaching from the terminal, and the file that tells others our process id.

use crate::error::{Error, Result};
use gearman_core::pid_file;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Goes on in a child with a session of its own and /dev/null for its standard streams, while this
/// process exits with 0. The working directory stays. To be called before any thread or runtime exists.
///
/// # Errors
/// [`Error::Io`] when the system cannot fork.
pub fn detach() -> Result<()> {
    nix::unistd::daemon(true, false).map_err(|e| Error::io("go into the background")(e.into()))
}

/// A pid file; removed when dropped, if it is still this process's.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes the process id. A file of that name is replaced, as in C: it was left by a process that was
    /// killed.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn create(path: &Path) -> Result<PidFile> {
        fs::write(path, format!("{}\n", std::process::id()))
            .map_err(Error::io(format!("write the pid file {}", path.display())))?;
        Ok(PidFile { path: path.into() })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        match pid_file::remove_own(&self.path) {
            // Someone tidied up before us.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => crate::report("gearman", format_args!("could not remove {}: {e}", self.path.display())),
            Ok(()) => {}
        }
    }
}
