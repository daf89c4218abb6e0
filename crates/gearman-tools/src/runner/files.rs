//! Whether files have changed: they are looked at again and again, as notifications do not come through the mounts of containers
//! and network file systems.
//!
//! Invariant: a change counts once nothing more has changed for one look, so that nobody starts in the middle of a deployment.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// So many files are looked at.
const MOST: usize = 100_000;

/// Files and folders, and how they were.
#[derive(Clone, Debug)]
pub struct Files {
    paths: Vec<PathBuf>,
    /// As they were when what uses them was started.
    used: u64,
    /// At the last look.
    seen: u64,
}

impl Files {
    /// As they are now.
    pub fn new(paths: Vec<PathBuf>) -> Files {
        let now = fingerprint(&paths);
        Files { paths, used: now, seen: now }
    }

    /// Looks at all of them. True: they have changed, and are at rest.
    pub fn have_changed(&mut self) -> bool {
        let now = fingerprint(&self.paths);
        let at_rest = std::mem::replace(&mut self.seen, now) == now;
        at_rest && std::mem::replace(&mut self.used, now) != now
    }
}

/// Names, times, sizes and identities of files, in one number.
fn fingerprint(paths: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut left = MOST;
    for path in paths {
        // Where it is a link, what it leads to: a release is put in place by a link.
        note(path, std::fs::metadata(path).ok(), &mut hasher, &mut left);
    }
    hasher.finish()
}

fn note(path: &Path, metadata: Option<std::fs::Metadata>, hasher: &mut DefaultHasher, left: &mut usize) {
    if *left == 0 {
        return;
    }
    *left -= 1;
    path.hash(hasher);
    let Some(metadata) = metadata else { return };
    (metadata.dev(), metadata.ino(), metadata.mode(), metadata.len()).hash(hasher);
    if !metadata.is_dir() {
        return (metadata.mtime(), metadata.mtime_nsec()).hash(hasher);
    }
    let Ok(folder) = std::fs::read_dir(path) else { return };
    let mut entries: Vec<_> = folder.flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        // Links are not followed here: they may lead in a circle.
        note(&entry.path(), entry.metadata().ok(), hasher, left);
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
        assert!(!files.have_changed() && !files.have_changed());
        fs::write(folder.join("src/deep/b.php"), "1").unwrap();
        assert!(!files.have_changed(), "it may go on");
        fs::write(folder.join("src/deep/c.php"), "1").unwrap();
        assert!(!files.have_changed());
        assert!(files.have_changed());
        assert!(!files.have_changed());
        for release in ["one", "two"] {
            fs::create_dir(folder.join(release)).unwrap();
            let _ = fs::remove_file(folder.join("current"));
            std::os::unix::fs::symlink(release, folder.join("current")).unwrap();
            assert!(!files.have_changed());
            assert!(files.have_changed(), "{release}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
