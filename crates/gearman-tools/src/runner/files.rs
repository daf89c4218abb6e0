//! Whether files have changed: they are looked at again and again, as notifications do not come through the mounts of containers
//! and network file systems.
//!
//! Invariants: a change counts once nothing more has changed for one look, so that nobody starts in the middle of a deployment; a
//! look that fails is none, and what was seen before it goes on to count.

use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// So many files are looked at.
const MOST: usize = 100_000;

/// Files and folders, and how they were.
#[derive(Clone, Debug)]
pub struct Files {
    paths: Vec<PathBuf>,
    /// As they were when what uses them was started; `None`: they were never seen.
    used: Option<u64>,
    /// At the last look.
    seen: Option<u64>,
}

impl Files {
    /// They are not looked at yet.
    pub fn new(paths: Vec<PathBuf>) -> Files {
        Files { paths, used: None, seen: None }
    }

    /// As they are now they are used.
    ///
    /// # Errors
    /// In words: which of them cannot be looked at, and why.
    pub fn look(&mut self) -> Result<(), String> {
        let now = fingerprint(&self.paths)?;
        (self.used, self.seen) = (Some(now), Some(now));
        Ok(())
    }

    /// Looks at all of them. True: they have changed, and are at rest.
    ///
    /// # Errors
    /// As [`Files::look`].
    pub fn have_changed(&mut self) -> Result<bool, String> {
        let now = fingerprint(&self.paths)?;
        let at_rest = self.seen.replace(now) == Some(now);
        let used = self.used.get_or_insert(now);
        Ok(at_rest && std::mem::replace(used, now) != now)
    }
}

/// Names, times, sizes and identities of files, in one number.
fn fingerprint(paths: &[PathBuf]) -> Result<u64, String> {
    let mut hasher = DefaultHasher::new();
    let mut left = MOST;
    for path in paths {
        // Where it is a link, what it leads to: a release is put in place by a link.
        note(path, std::fs::metadata(path), &mut hasher, &mut left)?;
    }
    Ok(hasher.finish())
}

fn note(
    path: &Path,
    metadata: io::Result<Metadata>,
    hasher: &mut DefaultHasher,
    left: &mut usize,
) -> Result<(), String> {
    if *left == 0 {
        return Ok(());
    }
    *left -= 1;
    path.hash(hasher);
    let Some(metadata) = there(path, metadata)? else { return Ok(()) };
    (metadata.dev(), metadata.ino(), metadata.mode(), metadata.len()).hash(hasher);
    if !metadata.is_dir() {
        (metadata.mtime(), metadata.mtime_nsec()).hash(hasher);
        return Ok(());
    }
    let entries = std::fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = there(path, entries)?.unwrap_or_default();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        // Links are not followed here: they may lead in a circle.
        note(&entry.path(), entry.metadata(), hasher, left)?;
    }
    Ok(())
}

/// What the system says of a file; `None`: it is not there, or not for us. All other errors, such as too many open files, say
/// nothing about it.
fn there<T>(path: &Path, said: io::Result<T>) -> Result<Option<T>, String> {
    match said {
        Ok(found) => Ok(Some(found)),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied => Ok(None),
            _ => Err(format!("{}: {error}", path.display())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_change_counts_once_it_is_at_rest() {
        let folder = std::env::temp_dir().join(format!("gearman-runner-files-{}", std::process::id()));
        fs::create_dir_all(folder.join("src/deep")).unwrap();
        fs::write(folder.join("src/deep/a.php"), "1").unwrap();
        std::os::unix::fs::symlink(".", folder.join("src/loop")).unwrap();
        let mut files = Files::new(vec![folder.join("src"), folder.join("current"), folder.join("none")]);
        files.look().unwrap();
        assert_eq!([files.have_changed(), files.have_changed()], [Ok(false), Ok(false)]);
        fs::write(folder.join("src/deep/b.php"), "1").unwrap();
        assert_eq!(files.have_changed(), Ok(false), "it may go on");
        fs::write(folder.join("src/deep/c.php"), "1").unwrap();
        assert_eq!(files.have_changed(), Ok(false));
        assert_eq!(files.have_changed(), Ok(true));
        assert_eq!(files.have_changed(), Ok(false));
        for release in ["one", "two"] {
            fs::create_dir(folder.join(release)).unwrap();
            let _ = fs::remove_file(folder.join("current"));
            std::os::unix::fs::symlink(release, folder.join("current")).unwrap();
            assert_eq!(files.have_changed(), Ok(false));
            assert_eq!(files.have_changed(), Ok(true), "{release}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    /// What could not be looked at, for want of descriptors for example, was taken for an empty folder: a change that was none,
    /// and another one once it could be looked at again.
    #[test]
    fn a_look_that_fails_is_no_change() {
        let folder = std::env::temp_dir().join(format!("gearman-runner-files-fail-{}", std::process::id()));
        fs::create_dir_all(folder.join("src")).unwrap();
        let mut files = Files::new(vec![folder.join("src")]);
        files.look().unwrap();
        fs::rename(folder.join("src"), folder.join("aside")).unwrap();
        // A link to itself: an error that says nothing of what was there.
        std::os::unix::fs::symlink("src", folder.join("src")).unwrap();
        for _ in 0..3 {
            let reason = files.have_changed().unwrap_err();
            assert!(reason.starts_with(&format!("{}: ", folder.join("src").display())), "{reason}");
        }
        fs::remove_file(folder.join("src")).unwrap();
        fs::rename(folder.join("aside"), folder.join("src")).unwrap();
        assert_eq!([files.have_changed(), files.have_changed()], [Ok(false), Ok(false)]);
        fs::write(folder.join("src/a.php"), "1").unwrap();
        assert_eq!([files.have_changed(), files.have_changed()], [Ok(false), Ok(true)]);
        fs::remove_dir_all(&folder).unwrap();
    }

    /// The first look counts whenever it comes.
    #[test]
    fn what_was_never_seen_has_not_changed() {
        let mut files = Files::new(vec![std::env::temp_dir().join("gearman-runner-no-such-file")]);
        assert_eq!([files.have_changed(), files.have_changed()], [Ok(false), Ok(false)]);
    }
}
