//! The file with the process id: written at the end of a start, removed at the end unless another server wrote its own.

use crate::process::user::{self, Other};
use gearmand::config::{DEFAULT_PID, Options};
use std::fs::File;
use std::io::Write;
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
        let opened = user::open(other, &path, || File::create(&path));
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
        let Some(path) = &self.0 else { return };
        let ours = std::fs::read_to_string(path).is_ok_and(|text| text.trim().parse() == Ok(std::process::id()));
        if ours {
            // Without privileges any more, it may have to stay.
            let _ = std::fs::remove_file(path);
        }
    }
}
