//! A socket's name in the file system, for as long as it is that socket's.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Removes the file when it is dropped, unless there is another under its name by then: an operator may have moved
/// things, and another server may listen there. To be dropped before its socket is closed, as until then no other
/// server takes the name.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// The file of a socket that was bound just now.
    ///
    /// # Errors
    /// The system's, where there is none.
    pub fn of(path: &Path) -> io::Result<SocketFile> {
        // The folder that a name begins at may be another at the end.
        let path = std::path::absolute(path)?;
        let found = std::fs::symlink_metadata(&path)?;
        Ok(SocketFile { path, device: found.dev(), inode: found.ino() })
    }

    /// Whether it is found under this name, too.
    pub fn is_at(&self, path: &Path) -> bool {
        let found = std::fs::symlink_metadata(path);
        found.is_ok_and(|found| (found.dev(), found.ino()) == (self.device, self.inode))
    }

    /// Its name, from the root on.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_at(&self.path) {
            // Without privileges any more, it may have to stay.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
