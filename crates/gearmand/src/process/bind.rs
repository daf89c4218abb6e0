//! `--listen` and `--port` -> sockets.

use crate::process::wait::Refused;
use gearman_core::error::Error;
use gearman_core::net::address::{Address, ServerAddress};
use gearmand::{Listener, SocketFile};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use socket2::{Domain, Protocol, Socket, Type};
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What one name of `--listen` stands for. All ports are 0: there is one for all.
#[derive(Debug)]
pub(crate) enum Place {
    /// Addresses, one of which has to work.
    Internet { name: String, addresses: Vec<SocketAddr> },
    /// A socket in the file system.
    File { name: String, path: PathBuf },
}

/// Every place, or all addresses where none is named. May ask the system's resolver, which may take seconds.
pub(crate) fn places(listen: &[String]) -> Result<Vec<Place>, String> {
    if listen.is_empty() {
        let any = [(Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv6Addr::UNSPECIFIED, 0).into()];
        return Ok(vec![Place::Internet { name: "all addresses".into(), addresses: any.into() }]);
    }
    listen.iter().map(|name| place(name).map_err(|reason| format!("cannot listen on {name}: {reason}"))).collect()
}

fn place(name: &str) -> Result<Place, String> {
    if name.is_empty() {
        return Err("an address, a name or unix:///PATH is wanted".into());
    }
    let mut addresses = Vec::new();
    let reason = |error| match error {
        Error::Resolve { reason, .. } => reason,
        error => error.to_string(),
    };
    for address in ServerAddress::new(name, 0).and_then(|server| server.resolve()).map_err(reason)? {
        match address {
            Address::Tcp(mut address) => {
                address.set_port(0);
                addresses.push(address);
            }
            Address::Unix(path) => return Ok(Place::File { name: name.into(), path }),
        }
    }
    Ok(Place::Internet { name: name.into(), addresses })
}

/// All sockets, and what to say of them.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) names: Vec<String>,
    /// Addresses that could not be had, while others of their name could.
    pub(crate) skipped: Vec<String>,
}

impl Bound {
    /// Sockets in the file system.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.listeners.iter().filter_map(|listener| match listener {
            Listener::Tcp(_) => None,
            Listener::Unix(file, _) => Some(file.path()),
        })
    }
}

/// Tries again so often when a free port of one address is taken at another.
const TRIES: usize = 20;

/// Listens on all places, or on none.
pub(crate) fn bind(places: &[Place], port: u16, backlog: i32) -> Result<Bound, Refused> {
    let mut tries = 1;
    let (sockets, missing) = loop {
        match internet(places, port) {
            Ok(bound) => break bound,
            Err((_, error)) if port == 0 && is_taken(&error) && tries < TRIES => tries += 1,
            Err((address, error)) => return Err(refused(&address.to_string(), &error)),
        }
    };
    let mut bound = Bound::default();
    // First all have their names, then all begin to listen: nobody connects to a server that ends at once.
    let mut files: Vec<(SocketFile, Socket)> = Vec::new();
    let _folders = folders(places)?;
    for place in places {
        match place {
            Place::Internet { name, addresses } => skip(name, addresses, &missing, &mut bound.skipped)?,
            Place::File { path, .. } if files.iter().any(|(file, _)| file.is_at(path)) => {}
            Place::File { name, path } => files.push(local(path).map_err(|e| refused(name, &e))?),
        }
    }
    for (file, socket) in files {
        let name = format!("unix://{}", file.path().display());
        socket.listen(backlog).map_err(|e| refused(&name, &e))?;
        bound.names.push(name);
        bound.listeners.push(Listener::Unix(file, socket.into()));
    }
    for (address, socket) in sockets {
        socket.listen(backlog).map_err(|e| refused(&address.to_string(), &e))?;
        bound.names.push(address.to_string());
        bound.listeners.push(Listener::Tcp(socket.into()));
    }
    Ok(bound)
}

fn refused(name: &str, error: &io::Error) -> Refused {
    Refused { reason: format!("cannot listen on {name}: {error}"), later: is_taken(error) }
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

/// The host has no such address, or nothing of its family: `localhost` where IPv6 is switched off.
fn cannot_be_had(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

type Sockets = Vec<(SocketAddr, Socket)>;
type Missing = Vec<(SocketAddr, io::Error)>;

/// All addresses of all places with one port, which is the first one's where it is 0; and those that the host has not.
fn internet(places: &[Place], mut port: u16) -> Result<(Sockets, Missing), (SocketAddr, io::Error)> {
    let (mut sockets, mut missing) = (Sockets::new(), Missing::new());
    for mut address in wanted(places) {
        address.set_port(port);
        match one(address) {
            Ok((address, socket)) => {
                port = address.port();
                sockets.push((address, socket));
            }
            Err(error) if cannot_be_had(&error) => {
                address.set_port(0);
                missing.push((address, error));
            }
            Err(error) => return Err((address, error)),
        }
    }
    Ok((sockets, missing))
}

/// Every address once, and none that another one stands for as well.
fn wanted(places: &[Place]) -> Vec<SocketAddr> {
    let addresses = || {
        places.iter().flat_map(|place| match place {
            Place::Internet { addresses, .. } => addresses.as_slice(),
            Place::File { .. } => &[],
        })
    };
    let any = |of: &SocketAddr| addresses().find(|a| a.ip().is_unspecified() && a.is_ipv4() == of.is_ipv4());
    let mut wanted = Vec::new();
    for address in addresses() {
        let address = any(address).unwrap_or(address);
        if !wanted.contains(address) {
            wanted.push(*address);
        }
    }
    wanted
}

/// What is missing may be, where another address of the same name is there.
fn skip(name: &str, addresses: &[SocketAddr], missing: &Missing, skipped: &mut Vec<String>) -> Result<(), Refused> {
    let lost = || missing.iter().filter(|(address, _)| addresses.contains(address));
    let listens = addresses.iter().any(|address| missing.iter().all(|(lost, _)| lost != address));
    match lost().next() {
        Some((_, error)) if !listens => Err(refused(name, error)),
        _ => {
            skipped
                .extend(lost().map(|(address, error)| format!("not listening on {} of {name}: {error}", address.ip())));
            Ok(())
        }
    }
}

fn one(address: SocketAddr) -> io::Result<(SocketAddr, Socket)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    let address = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok((address, socket))
}

/// The folders of the sockets to be, each of them for this server alone until its sockets listen: one that another
/// server has bound and that does not listen yet looks like one that is left over.
fn folders(places: &[Place]) -> Result<Vec<Flock<File>>, Refused> {
    let mut locks: Vec<Flock<File>> = Vec::new();
    for place in places {
        let Place::File { name, path } = place else { continue };
        let path = std::path::absolute(path).map_err(|e| refused(name, &e))?;
        // Where there is none, or it may not be read, binding says what can be said.
        let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) else { continue };
        let is = |file: &File| file.metadata().ok().map(|m| (m.dev(), m.ino()));
        if locks.iter().any(|lock| is(lock) == is(&folder)) {
            continue;
        }
        match Flock::lock(folder, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => locks.push(lock),
            Err((_, Errno::EWOULDBLOCK)) => return Err(refused(name, &io::ErrorKind::AddrInUse.into())),
            // Not every file system has locks.
            Err(_) => {}
        }
    }
    Ok(locks)
}

/// A socket in the file system, for the owner and the group. One that is left over from a server that
/// died is replaced; one that somebody listens on is not.
fn local(path: &Path) -> io::Result<(SocketFile, Socket)> {
    let there =
        || std::fs::symlink_metadata(path).ok().filter(|m| m.file_type().is_socket()).map(|m| (m.dev(), m.ino()));
    let name = socket2::SockAddr::unix(path)?;
    if let Some(found) = there() {
        match reach(&name) {
            Ok(()) => return Err(io::ErrorKind::AddrInUse.into()),
            // Another server may have replaced it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused && there() == Some(found) => {
                std::fs::remove_file(path)?;
            }
            Err(error) if [io::ErrorKind::ConnectionRefused, io::ErrorKind::NotFound].contains(&error.kind()) => {}
            Err(error) => return Err(error),
        }
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&name)?;
    let file = SocketFile::of(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok((file, socket))
}

/// Listens somebody there? Who has too many connections to accept does: one that waited for a server that is stopped
/// would wait without end.
fn reach(name: &socket2::SockAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(name) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        reached => reached,
    }
}
