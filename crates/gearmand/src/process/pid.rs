//! The file with the process id: written at the end of a start, removed at the end unless another server wrote its own.

use gearmand::config::{DEFAULT_PID, Options};
use std::path::PathBuf;

/// Removes the file when it is dropped, unless another server has written its id there.
#[derive(Debug)]
pub(crate) struct PidFile(Option<PathBuf>);

impl PidFile {
    /// Called when nothing else can fail any more: a server that cannot start leaves the file of one that runs alone.
    pub(crate) fn write(options: &Options) -> Result<PidFile, String> {
        let file = options.pid_file.as_deref().unwrap_or(DEFAULT_PID);
        if file.is_empty() {
            return Ok(PidFile(None));
        }
        let path = std::path::absolute(file).map_err(|e| format!("--pid-file {file}: {e}"))?;
        match std::fs::write(&path, format!("{}\n", std::process::id())) {
            Ok(()) => Ok(PidFile(Some(path))),
            Err(error) if options.pid_file.is_some() => Err(format!("--pid-file {file}: {error}")),
            Err(error) => {
                tracing::warn!("cannot write {file}: {error}");
                Ok(PidFile(None))
            }
        }
    }

    pub(crate) fn path(&self) -> Option<&std::path::Path> {
        self.0.as_deref()
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
