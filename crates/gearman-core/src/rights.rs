//! With whose rights root opens a file that another user's program is to write.
//!
//! Invariant: root opens nothing that this user may have put in a file's place. Where it can change a folder or a link on the way
//! to a file, that is opened with the user's rights; only elsewhere as root. Rights are those of the whole process: who borrows
//! them must have no other thread that opens files.

use nix::errno::Errno;
use nix::unistd::{AccessFlags, Gid, Uid, eaccess, getgrouplist, setegid, seteuid, setgid, setgroups, setuid};
use std::ffi::{CString, OsString};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// More links on one way lead nowhere, as the system has it.
const LINKS: usize = 40;
/// Of a folder as /tmp: what is in it is its owner's alone.
const STICKY: u32 = 0o1000;
/// Somebody beside its owner may change a folder.
const OTHERS_WRITE: u32 = 0o022;

/// Those of a user.
#[derive(Clone, Debug)]
pub struct Rights {
    /// Its number.
    pub uid: Uid,
    /// That of its first group.
    pub gid: Gid,
    /// All that it is in, the first one too.
    groups: Vec<Gid>,
}

impl Rights {
    /// Of the user of this number, with all groups that its name is in.
    ///
    /// # Errors
    /// The system's.
    pub fn of(name: Option<&str>, uid: Uid, gid: Gid) -> io::Result<Rights> {
        let groups = match name {
            Some(name) => getgrouplist(&CString::new(name)?, gid)?,
            None => vec![gid],
        };
        Ok(Rights { uid, gid, groups })
    }

    /// They are this process's until it takes its own user and group back.
    ///
    /// # Errors
    /// The system's.
    pub fn borrow(&self) -> nix::Result<()> {
        setgroups(&self.groups)?;
        setegid(self.gid)?;
        seteuid(self.uid)
    }

    /// They are this process's from here on, and there is no way back.
    ///
    /// # Errors
    /// The system's.
    pub fn settle(&self) -> nix::Result<()> {
        setgroups(&self.groups)?;
        setgid(self.gid)?;
        setuid(self.uid)
    }

    /// Does something with them, and takes the own user and group back.
    ///
    /// # Errors
    /// The system's, and those of what is done.
    pub fn with<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let (uid, gid) = (Uid::effective(), Gid::effective());
        let done = self.borrow().map_err(io::Error::from).and_then(|()| act());
        seteuid(uid).and_then(|()| setegid(gid))?;
        done
    }

    /// Whether the user can put something else in the place of this file, or of a folder or a link on the way to it. Of what it
    /// cannot change, nothing changes until the file is opened.
    ///
    /// # Errors
    /// The system's, where a folder is not there for example.
    pub fn may_replace(&self, path: &Path) -> io::Result<bool> {
        let parts = |path: &Path| path.iter().rev().map(OsString::from).collect::<Vec<_>>();
        // The way until here, which has no links any more, and what is left of it, the next part last.
        let (mut at, mut left, mut links) = (PathBuf::from("/"), parts(&std::path::absolute(path)?), 0);
        while let Some(part) = left.pop() {
            if part == ".." {
                at.pop();
                continue;
            }
            // A link may lead to the root again.
            let next = at.join(&part);
            if next == Path::new("/") {
                at = next;
                continue;
            }
            if self.may_replace_in(&at, &next)? {
                return Ok(true);
            }
            match std::fs::read_link(&next) {
                Ok(_) if links == LINKS => return Ok(true),
                Ok(target) => {
                    links += 1;
                    left.extend(parts(&target));
                }
                // It is none, or it is yet to be made.
                Err(_) => at = next,
            }
        }
        Ok(false)
    }

    /// The same of what has this name in a folder.
    fn may_replace_in(&self, folder: &Path, name: &Path) -> io::Result<bool> {
        let is_own = |of: &Metadata| of.uid() == self.uid.as_raw();
        let found = std::fs::metadata(folder)?;
        if is_own(&found) {
            return Ok(true);
        }
        // With lists of rights (ACL), the mode of the group is the most that they grant.
        let is_writable = found.mode() & OTHERS_WRITE != 0;
        // A further name of another's file may be the user's: fs.protected_hardlinks, which forbids that, may be off.
        let is_others = |of: &Metadata| !is_own(of) && (of.is_dir() || of.nlink() == 1);
        let stays = || found.mode() & STICKY != 0 && std::fs::symlink_metadata(name).is_ok_and(|name| is_others(&name));
        Ok(is_writable && self.may_write(folder)? && !stays())
    }

    /// Whether the user may make files in this folder, and remove them.
    fn may_write(&self, folder: &Path) -> io::Result<bool> {
        let asked = self.with(|| Ok(eaccess(folder, AccessFlags::W_OK)))?;
        // Of a folder of which that cannot be told, it is assumed.
        Ok(!matches!(asked, Err(Errno::EACCES | Errno::EROFS)))
    }
}
