//! Sockets in the file system: making them, and telling whether another server has one. The files are removed by
//! [`SocketFile`].

use crate::process::wait::Refused;
use gearmand::SocketFile;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

/// The folders of the sockets to be, each of them for this server alone until its sockets listen: one that another
/// server has bound and that does not listen yet looks like one that is left over.
pub(crate) fn lock_folders<'a>(named: impl Iterator<Item = (&'a str, &'a Path)>) -> Result<Vec<Flock<File>>, Refused> {
    let mut locks: Vec<Flock<File>> = Vec::new();
    for (name, path) in named {
        let path = std::path::absolute(path).map_err(|e| Refused::new(name, &e))?;
        // Where there is none, or it may not be read, binding shows why.
        let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) else { continue };
        let is = |file: &File| file.metadata().ok().map(|m| (m.dev(), m.ino()));
        if locks.iter().any(|lock| is(lock) == is(&folder)) {
            continue;
        }
        match Flock::lock(folder, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => locks.push(lock),
            Err((_, Errno::EWOULDBLOCK)) => return Err(Refused::new(name, &io::ErrorKind::AddrInUse.into())),
            // Not every file system has locks.
            Err(_) => {}
        }
    }
    Ok(locks)
}

/// Servers that listen on sockets which are waited for, each with a connection to it. Each new connection would leave two
/// lines in the other's log; one that stands shows as well whether the other lives.
#[derive(Debug, Default)]
pub(crate) struct Others(HashMap<(u64, u64), Socket>);

impl Others {
    /// Whether somebody listens on this socket. Who has too many connections to accept does: a connection that waited for
    /// a server that is stopped would wait without end.
    fn listens(&mut self, name: &SockAddr, file: (u64, u64)) -> io::Result<bool> {
        if self.0.get(&file).is_some_and(|connection| !has_ended(connection)) {
            return Ok(true);
        }
        self.0.remove(&file);
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(name) {
            Ok(()) => {
                self.0.insert(file, socket);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) if [io::ErrorKind::ConnectionRefused, io::ErrorKind::NotFound].contains(&error.kind()) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether the other side closed it. An error of the question makes it asked for anew.
fn has_ended(connection: &Socket) -> bool {
    let mut descriptors = [PollFd::new(connection.as_fd(), PollFlags::empty())];
    poll(&mut descriptors, PollTimeout::ZERO).is_ok_and(|events| events > 0)
}

/// A socket in the file system, for the owner and the group. One that is left over from a server that
/// died is replaced; one that somebody listens on is not.
pub(crate) fn bind(path: &Path, others: &mut Others) -> io::Result<(SocketFile, Socket)> {
    let there =
        || std::fs::symlink_metadata(path).ok().filter(|m| m.file_type().is_socket()).map(|m| (m.dev(), m.ino()));
    let name = SockAddr::unix(path)?;
    if let Some(found) = there() {
        if others.listens(&name, found)? {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        // Another server may have replaced it meanwhile.
        if there() == Some(found) {
            std::fs::remove_file(path)?;
        }
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&name)?;
    let file = SocketFile::of(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok((file, socket))
}
