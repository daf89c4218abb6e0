//! Changing the user (`--user`), and whose the files are that root opens before that. Nothing of the server.
//!
//! Invariant: root neither opens nor gives away what that user may have put in a file's place, as `gearman_core::rights` has it.
//! What root opens is given to the user.

use gearman_core::rights::Rights;
use nix::unistd::{Gid, Uid, User, setegid, seteuid};
use std::fmt::Display;
use std::fs::File;
use std::io;
use std::os::unix::fs::{fchown, lchown};
use std::path::Path;

/// The user to become, where that is another.
#[derive(Clone, Debug)]
pub(crate) struct Other {
    name: String,
    rights: Rights,
}

/// Opens a file that the server will write again, by `open`: with whose rights, see the module.
pub(crate) fn open(other: Option<&Other>, path: &Path, open: impl FnOnce() -> io::Result<File>) -> io::Result<File> {
    // It has that one's rights already, where the log is opened anew.
    let Some(Other { rights, .. }) = other.filter(|other| Uid::effective() != other.rights.uid) else { return open() };
    if rights.may_replace(path)? {
        return rights.with(open);
    }
    let file = open()?;
    // Others are everybody's: /dev/null, a terminal.
    if file.metadata()?.is_file() {
        fchown(&file, Some(rights.uid.as_raw()), Some(rights.gid.as_raw()))?;
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
        let rights = Rights::of(Some(&user.name), user.uid, user.gid);
        let rights = rights.map_err(|e| format!("--user {name}: which groups is it in? {e}"))?;
        Ok(Some(Other { name: user.name, rights }))
    }

    /// Files are that user's until the guard is dropped: it may do no more than the server may later.
    pub(crate) fn borrow(&self) -> Result<Borrowed, String> {
        let own = Borrowed(Uid::effective(), Gid::effective());
        self.named(self.rights.borrow())?;
        Ok(own)
    }

    /// From here on there is no way back. These sockets, which the server will remove, are that user's.
    pub(crate) fn settle<'a>(&self, sockets: impl Iterator<Item = &'a Path>) -> Result<(), String> {
        let Rights { uid, gid, .. } = &self.rights;
        for socket in sockets {
            self.named(lchown(socket, Some(uid.as_raw()), Some(gid.as_raw())))?;
        }
        self.named(self.rights.settle())
    }

    /// With the option in an error.
    fn named<T, E: Display>(&self, done: Result<T, E>) -> Result<T, String> {
        done.map_err(|e| format!("--user {}: {e}", self.name))
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
