//! The end of a pid file.

use std::fs;
use std::io;
use std::path::Path;

/// Removes the file with this process's id. One of another process, which has written its own id there meanwhile, stays; so does what
/// is no regular file: `/dev/null` is everybody's, and the end of a pipe would never come.
///
/// # Errors
/// The system's, also where the file is gone.
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// let path = std::env::temp_dir().join(format!("pid-{}", std::process::id()));
/// std::fs::write(&path, std::process::id().to_string())?;
/// gearman_core::pid_file::remove_own(&path)?;
/// assert!(!path.exists());
/// # Ok(())
/// # }
/// ```
pub fn remove_own(path: &Path) -> io::Result<()> {
    let is_own = fs::metadata(path)?.is_file() && fs::read_to_string(path)?.trim().parse() == Ok(std::process::id());
    if is_own { fs::remove_file(path) } else { Ok(()) }
}
