//! Changing the user (`--user`), and whose the files are that root opens before that. Nothing of the server.
//!
//! Invariant: root neither opens nor gives away what that user may have put in a file's place. Where it can change a folder or a
//! link on the way to a file, it is opened with the user's rights; only elsewhere as root, and then given to the user.

use nix::errno::Errno;
use nix::unistd::{AccessFlags, Gid, Uid, User, eaccess, getgrouplist, setegid, seteuid, setgid, setgroups, setuid};
use std::ffi::{CString, OsString};
use std::fmt::Display;
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, fchown, lchown};
use std::path::{Path, PathBuf};

/// More links on one way lead nowhere, as the system has it.
const LINKS: usize = 40;
/// Of a folder as /tmp: what is in it is its owner's alone.
const STICKY: u32 = 0o1000;
/// Somebody beside its owner may change a folder.
const OTHERS_WRITE: u32 = 0o022;

/// The user to become, where that is another.
#[derive(Clone, Debug)]
pub(crate) struct Other {
    user: User,
    /// All that it is in, its first one too.
    groups: Vec<Gid>,
}

/// Opens a file that the server will write again, by `open`: with whose rights, see the module.
pub(crate) fn open(other: Option<&Other>, path: &Path, open: impl FnOnce() -> io::Result<File>) -> io::Result<File> {
    // It has that one's rights already, where the log is opened anew.
    let Some(other) = other.filter(|other| Uid::effective() != other.user.uid) else { return open() };
    if other.may_replace(path)? {
        let _as_other = other.borrow().map_err(io::Error::other)?;
        return open();
    }
    let file = open()?;
    // Others are everybody's: /dev/null, a terminal.
    if file.metadata()?.is_file() {
        fchown(&file, Some(other.user.uid.as_raw()), Some(other.user.gid.as_raw()))?;
    }
    Ok(file)
}

impl Other {
    pub(crate) fn find(name: &str) -> Result<Option<Other>, String> {
        let user = User::from_name(name).map_err(|e| format!("--user {name}: {e}"))?;
        let user = user.ok_or_else(|| format!("--user {name}: no such user"))?;
        if Uid::effective() == user.uid {
            return Ok(None);
        }
        let groups_of = |name: &str| -> io::Result<Vec<Gid>> { Ok(getgrouplist(&CString::new(name)?, user.gid)?) };
        let groups = groups_of(&user.name).map_err(|e| format!("--user {name}: which groups is it in? {e}"))?;
        Ok(Some(Other { user, groups }))
    }

    /// Files are that user's until the guard is dropped: it may do no more than the server may later.
    pub(crate) fn borrow(&self) -> Result<Borrowed, String> {
        let own = Borrowed(Uid::effective(), Gid::effective());
        self.named(setgroups(&self.groups))?;
        self.named(setegid(self.user.gid))?;
        self.named(seteuid(self.user.uid))?;
        Ok(own)
    }

    /// From here on there is no way back. These sockets, which the server will remove, are that user's.
    pub(crate) fn settle<'a>(&self, sockets: impl Iterator<Item = &'a Path>) -> Result<(), String> {
        for socket in sockets {
            self.named(lchown(socket, Some(self.user.uid.as_raw()), Some(self.user.gid.as_raw())))?;
        }
        self.named(setgroups(&self.groups))?;
        self.named(setgid(self.user.gid))?;
        self.named(setuid(self.user.uid))
    }

    /// Whether the user can put something else in the place of this file, or of a folder or a link on the way to it. Of what it
    /// cannot change, nothing changes until the file is opened.
    fn may_replace(&self, path: &Path) -> io::Result<bool> {
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
        let is_own = |of: &std::fs::Metadata| of.uid() == self.user.uid.as_raw();
        let found = std::fs::metadata(folder)?;
        if is_own(&found) {
            return Ok(true);
        }
        // With lists of rights (ACL), the mode of the group is the most that they grant.
        let is_writable = found.mode() & OTHERS_WRITE != 0;
        let stays = || found.mode() & STICKY != 0 && std::fs::symlink_metadata(name).is_ok_and(|name| !is_own(&name));
        Ok(is_writable && self.may_write(folder)? && !stays())
    }

    /// Whether the user may make files in this folder, and remove them.
    fn may_write(&self, folder: &Path) -> io::Result<bool> {
        let _as_other = self.borrow().map_err(io::Error::other)?;
        // Of a folder of which that cannot be told, it is assumed.
        Ok(!matches!(eaccess(folder, AccessFlags::W_OK), Err(Errno::EACCES | Errno::EROFS)))
    }

    /// With the option in an error.
    fn named<T, E: Display>(&self, done: Result<T, E>) -> Result<T, String> {
        done.map_err(|e| format!("--user {}: {e}", self.user.name))
    }
}

/// Takes the own user and group back when it is dropped.
#[derive(Debug)]
pub(crate) struct Borrowed(Uid, Gid);

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Err(error) = seteuid(self.0).and_then(|()| setegid(self.1)) {
            tracing::error!("cannot take the own rights back: {error}");
        }
    }
}
