//! `--listen` and `--port` -> sockets that are listened on: all of them or none. Those in the file system are made by
//! [`socket_file`].

use crate::process::socket_file::{self, Others};
use crate::process::wait::{self, Refused};
use gearman_core::error::Error;
use gearman_core::net::address::{Address, ServerAddress};
use gearmand::{Listener, SocketFile};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// What one name of `--listen` stands for. All ports are 0: there is one for all.
#[derive(Debug)]
pub(crate) enum Endpoint {
    /// Addresses, one of which has to work.
    Internet { name: String, addresses: Vec<SocketAddr> },
    /// A socket in the file system.
    File { name: String, path: PathBuf },
}

/// All that is named, or all addresses where nothing is. May ask the system's resolver, which may take seconds.
pub(crate) fn endpoints(listen: &[String]) -> Result<Vec<Endpoint>, String> {
    if listen.is_empty() {
        let any = [(Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv6Addr::UNSPECIFIED, 0).into()];
        return Ok(vec![Endpoint::Internet { name: "all addresses".into(), addresses: any.into() }]);
    }
    listen.iter().map(|name| endpoint(name).map_err(|reason| format!("cannot listen on {name}: {reason}"))).collect()
}

fn endpoint(name: &str) -> Result<Endpoint, String> {
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
                // ::ffff:127.0.0.1 is an IPv4 address, which a socket for IPv6 alone cannot have.
                address.set_ip(address.ip().to_canonical());
                addresses.push(address);
            }
            Address::Unix(path) => return Ok(Endpoint::File { name: name.into(), path }),
        }
    }
    Ok(Endpoint::Internet { name: name.into(), addresses })
}

/// All sockets, and what is logged of them.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) names: Vec<String>,
    /// Addresses that could not be had, while others of their name could.
    pub(crate) skipped: Vec<String>,
}

impl Bound {
    /// Sockets that listen already.
    pub(crate) fn given(listeners: Vec<Listener>) -> Bound {
        let names = listeners.iter().map(Listener::name).collect();
        Bound { listeners, names, skipped: Vec::new() }
    }

    /// Sockets in the file system.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.listeners.iter().filter_map(|listener| match listener {
            Listener::Unix(Some(file), _) => Some(file.path()),
            Listener::Tcp(_) | Listener::Unix(None, _) => None,
        })
    }
}

/// Tries again so often when a free port of one address is taken at another.
const TRIES: usize = 20;

/// Listens on all endpoints, or on none. `others` is what earlier tries learned.
pub(crate) fn bind(endpoints: &[Endpoint], port: u16, backlog: i32, others: &mut Others) -> Result<Bound, Refused> {
    let mut tries = 1;
    let (sockets, missing) = loop {
        match internet(endpoints, port) {
            Ok(bound) => break bound,
            Err((_, error)) if port == 0 && wait::is_taken(&error) && tries < TRIES => tries += 1,
            Err((address, error)) => return Err(Refused::new(&address.to_string(), &error)),
        }
    };
    let mut bound = Bound::default();
    // First all have their names, then all begin to listen: nobody connects to a server that ends at once.
    let mut files: Vec<(SocketFile, Socket)> = Vec::new();
    let paths = endpoints.iter().filter_map(|endpoint| match endpoint {
        Endpoint::File { name, path } => Some((&**name, &**path)),
        Endpoint::Internet { .. } => None,
    });
    let _folders = socket_file::lock_folders(paths)?;
    for endpoint in endpoints {
        match endpoint {
            Endpoint::Internet { name, addresses } => skip(name, addresses, &missing, &mut bound.skipped)?,
            Endpoint::File { path, .. } if files.iter().any(|(file, _)| file.is_at(path)) => {}
            Endpoint::File { name, path } => {
                files.push(socket_file::bind(path, others).map_err(|e| Refused::new(name, &e))?)
            }
        }
    }
    for (file, socket) in files {
        let name = format!("unix://{}", file.path().display());
        socket.listen(backlog).map_err(|e| Refused::new(&name, &e))?;
        bound.names.push(name);
        bound.listeners.push(Listener::Unix(Some(file), socket.into()));
    }
    for (address, socket) in sockets {
        socket.listen(backlog).map_err(|e| Refused::new(&address.to_string(), &e))?;
        bound.names.push(address.to_string());
        bound.listeners.push(Listener::Tcp(socket.into()));
    }
    Ok(bound)
}

/// The host has no such address, or nothing of its family: `localhost` where IPv6 is switched off.
fn cannot_be_had(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

type Sockets = Vec<(SocketAddr, Socket)>;
type Missing = Vec<(SocketAddr, io::Error)>;

/// All addresses of all endpoints with one port, which is the first one's where it is 0; and those that the host has not.
fn internet(endpoints: &[Endpoint], mut port: u16) -> Result<(Sockets, Missing), (SocketAddr, io::Error)> {
    let (mut sockets, mut missing) = (Sockets::new(), Missing::new());
    for mut address in wanted(endpoints) {
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
fn wanted(endpoints: &[Endpoint]) -> Vec<SocketAddr> {
    let addresses = || {
        endpoints.iter().flat_map(|endpoint| match endpoint {
            Endpoint::Internet { addresses, .. } => addresses.as_slice(),
            Endpoint::File { .. } => &[],
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
        Some((_, error)) if !listens => Err(Refused::new(name, error)),
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
