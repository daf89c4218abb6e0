//! `--listen` and `--port` -> sockets.

use gearmand::Listener;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// All sockets, and what to call them.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) names: Vec<String>,
    /// Sockets in the file system, to be removed at the end.
    paths: Vec<PathBuf>,
}

impl Bound {
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter().map(PathBuf::as_path)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        for path in &self.paths {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Tries again so often when a free port of one address is taken at another.
const TRIES: usize = 20;

/// Listens on every address of every name given, or on all addresses.
pub(crate) fn bind(listen: &[String], port: u16, backlog: i32) -> Result<Bound, String> {
    let mut bound = Bound { listeners: Vec::new(), names: Vec::new(), paths: Vec::new() };
    let mut addresses = Vec::new();
    for name in listen {
        match name.strip_prefix("unix://") {
            Some(path) => {
                let path = Path::new(path);
                let listener = local(path, backlog).map_err(|e| format!("cannot listen on {name}: {e}"))?;
                bound.listeners.push(listener);
                bound.names.push(name.clone());
                bound.paths.push(path.into());
            }
            None => {
                let host = name.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(name);
                let found = (host, port).to_socket_addrs().map_err(|e| format!("cannot listen on {name}: {e}"))?;
                addresses.extend(found.map(|a| a.ip()));
            }
        }
    }
    // A host without IPv6 is no error where nobody asked for it.
    let any = [IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::UNSPECIFIED)];
    let optional = listen.is_empty();
    if optional {
        addresses.extend(any);
    }
    addresses.dedup();
    for attempt in 1..=TRIES {
        match all(&addresses, port, backlog, optional) {
            Ok(sockets) => {
                for (listener, address) in sockets {
                    bound.names.push(address.to_string());
                    bound.listeners.push(Listener::Tcp(listener));
                }
                return Ok(bound);
            }
            Err((_, error)) if port == 0 && error.kind() == io::ErrorKind::AddrInUse && attempt < TRIES => {}
            Err((address, error)) => return Err(format!("cannot listen on {address}: {error}")),
        }
    }
    Ok(bound)
}

type Sockets = Vec<(std::net::TcpListener, SocketAddr)>;

/// All addresses with one port, which is the first one's where it is 0.
fn all(addresses: &[IpAddr], mut port: u16, backlog: i32, optional: bool) -> Result<Sockets, (SocketAddr, io::Error)> {
    let mut sockets = Vec::new();
    for ip in addresses {
        let address = SocketAddr::new(*ip, port);
        match one(address, backlog) {
            Ok((listener, address)) => {
                port = address.port();
                sockets.push((listener, address));
            }
            Err(error) if optional && ip.is_ipv6() && error.kind() != io::ErrorKind::AddrInUse => {
                tracing::info!("no IPv6: {error}");
            }
            Err(error) => return Err((address, error)),
        }
    }
    Ok(sockets)
}

fn one(address: SocketAddr, backlog: i32) -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// A socket in the file system, for the owner and the group. One that is left over from a server that
/// died is replaced; one that somebody answers on is not.
fn local(path: &Path, backlog: i32) -> io::Result<Listener> {
    if std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket()) {
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            Err(error) => return Err(error),
        }
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    socket.listen(backlog)?;
    Ok(Listener::Unix(socket.into()))
}
