//! The file of `--acl`: read at the start, where a mistake is an error, and anew at each reload, where the rules that
//! stood go on. What the rules say is not known here.

use gearmand::config::{Acl, AclError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// A file of rules that was good once.
#[derive(Clone, Debug)]
pub(crate) struct AclFile {
    path: PathBuf,
    rules: Arc<watch::Sender<Arc<Acl>>>,
}

impl AclFile {
    /// Reads it.
    pub(crate) fn open(path: &str) -> Result<AclFile, AclError> {
        // The folder that a name begins at may be another later.
        let path = std::path::absolute(path)
            .map_err(|e| AclError::Unreadable { file: Path::new(path).into(), reason: e.to_string() })?;
        let rules = Acl::read(&path)?;
        Ok(AclFile { path, rules: Arc::new(watch::Sender::new(Arc::new(rules))) })
    }

    /// The rules, now and after each reload.
    pub(crate) fn rules(&self) -> watch::Receiver<Arc<Acl>> {
        self.rules.subscribe()
    }

    /// The file may say something else now.
    pub(crate) fn reload(&self) {
        match Acl::read(&self.path) {
            Ok(rules) => {
                let (count, path) = (rules.len(), self.path.display());
                tracing::info!(target: "gearmand::notice", "read {path} anew: {count} rules");
                self.rules.send_replace(Arc::new(rules));
            }
            Err(error) => tracing::error!("--acl {error}; the rules stay as they were"),
        }
    }
}
