//! The file with the process id: written at the end of a start, removed at the end unless another server wrote its own.

use crate::process::user::{self, Other};
use gearman_core::pid_file;
use gearmand::config::{DEFAULT_PID, Options};
use nix::fcntl::OFlag;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Removes the file when it is dropped, unless another server has written its id there.
#[derive(Debug)]
pub(crate) struct PidFile(Option<PathBuf>);

impl PidFile {
    /// Called when nothing else can fail any more: a server that cannot start leaves the file of one that runs alone.
    pub(crate) fn write(options: &Options, other: Option<&Other>) -> Result<PidFile, String> {
        let file = options.pid_file.as_deref().unwrap_or(DEFAULT_PID);
        if file.is_empty() {
            return Ok(PidFile(None));
        }
        let path = std::path::absolute(file).map_err(|e| format!("--pid-file {file}: {e}"))?;
        // Of a pipe that nobody reads it is not waited for a reader.
        let mut how = OpenOptions::new();
        how.write(true).create(true).truncate(true).custom_flags(OFlag::O_NONBLOCK.bits());
        let opened = user::open(other, &path, || how.open(&path));
        match opened.and_then(|mut file| file.write_all(format!("{}\n", std::process::id()).as_bytes())) {
            Ok(()) => Ok(PidFile(Some(path))),
            Err(error) if options.pid_file.is_some() => Err(format!("--pid-file {file}: {error}")),
            Err(error) => {
                tracing::warn!("cannot write {file}: {error}");
                Ok(PidFile(None))
            }
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Without privileges any more, it may have to stay.
        let _ = self.0.as_deref().map(pid_file::remove_own);
    }
}
