//! `--listen` and `--port` -> sockets that are listened on: all of them or none. Those in the file system are made by
//! [`socket_file`].

use crate::process::socket_file::{self, Others};
use crate::process::wait::{self, Refused};
use gearman_core::error::Error;
use gearman_core::net::address::{Address, ServerAddress};
use gearmand::config::ListenOn;
use gearmand::{Listener, SocketFile, Tls};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// What one name of `--listen` stands for.
#[derive(Debug)]
pub(crate) enum Endpoint {
    /// Addresses, one of which has to work.
    Internet { name: String, places: Vec<Place> },
    /// A socket in the file system.
    File { name: String, path: PathBuf },
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its port is 0.
    address: SocketAddr,
    /// A port of its own; `None`: the one for all.
    port: Option<u16>,
    tls: bool,
}

/// All that is named, or all addresses where nothing is. `port` is the one for all, and `tls` what is spoken where nothing else
/// is said. May ask the system's resolver, which may take seconds.
pub(crate) fn endpoints(listen: &[ListenOn], port: u16, tls: bool) -> Result<Vec<Endpoint>, String> {
    if listen.is_empty() {
        let everywhere = any().map(|address| Place { address, port: None, tls });
        return Ok(vec![Endpoint::Internet { name: "all addresses".into(), places: everywhere.into() }]);
    }
    let named = |on: &ListenOn, reason| format!("cannot listen on {}: {reason}", on.name);
    listen.iter().map(|on| endpoint(on, port, tls).map_err(|reason| named(on, reason))).collect()
}

/// The first address that is not this host's own, with the word that named it, and whether TLS is spoken there. One without
/// TLS comes before one with it.
pub(crate) fn beyond_this_host(endpoints: &[Endpoint]) -> Option<(&str, IpAddr, bool)> {
    let places = endpoints.iter().flat_map(|endpoint| match endpoint {
        Endpoint::Internet { name, places } => places.iter().map(|place| (&**name, place)).collect(),
        Endpoint::File { .. } => Vec::new(),
    });
    let beyond = places.filter(|(_, place)| !place.address.ip().is_loopback());
    beyond.map(|(name, place)| (name, place.address.ip(), place.tls)).min_by_key(|(_, _, tls)| *tls)
}

fn any() -> [SocketAddr; 2] {
    [(Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv6Addr::UNSPECIFIED, 0).into()]
}

fn endpoint(on: &ListenOn, common: u16, tls: bool) -> Result<Endpoint, String> {
    let name = on.name.clone();
    // A free port is one of its own.
    let port = on.port.filter(|port| *port == 0 || *port != common);
    let place = |address| Place { address, port, tls: on.tls.unwrap_or(tls) };
    if on.host.is_empty() {
        return Ok(Endpoint::Internet { name, places: any().map(place).into() });
    }
    let mut places = Vec::new();
    let reason = |error| match error {
        Error::Resolve { reason, .. } => reason,
        error => error.to_string(),
    };
    for address in ServerAddress::new(&on.host, 0).and_then(|server| server.resolve()).map_err(reason)? {
        match address {
            Address::Tcp(mut address) => {
                address.set_port(0);
                // ::ffff:127.0.0.1 is an IPv4 address, which a socket for IPv6 alone cannot have.
                address.set_ip(address.ip().to_canonical());
                places.push(place(address));
            }
            Address::Unix(path) => return Ok(Endpoint::File { name, path }),
        }
    }
    Ok(Endpoint::Internet { name, places })
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
    /// Sockets that listen already; with `tls`, it is spoken at those of the Internet.
    pub(crate) fn given(listeners: Vec<Listener>, tls: Option<&Tls>) -> Bound {
        let encrypted = |listener| match (listener, tls) {
            (Listener::Tcp(tcp), Some(tls)) => Listener::Tls(tls.clone(), tcp),
            (listener, _) => listener,
        };
        let listeners: Vec<_> = listeners.into_iter().map(encrypted).collect();
        let names = listeners.iter().map(Listener::name).collect();
        Bound { listeners, names, skipped: Vec::new() }
    }

    /// Sockets in the file system.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.listeners.iter().filter_map(|listener| match listener {
            Listener::Unix(Some(file), _) => Some(file.path()),
            Listener::Tcp(_) | Listener::Tls(..) | Listener::Unix(None, _) => None,
        })
    }
}

/// Tries again so often when a free port of one address is taken at another.
const TRIES: usize = 20;

/// Listens on all endpoints, or on none. `tls` is there where one of them speaks it; `others` is what earlier tries learned.
pub(crate) fn bind(
    endpoints: &[Endpoint],
    port: u16,
    backlog: i32,
    tls: Option<&Tls>,
    others: &mut Others,
) -> Result<Bound, Refused> {
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
            Endpoint::Internet { name, places } => skip(name, places, &missing, &mut bound.skipped)?,
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
    for (place, address, socket) in sockets {
        socket.listen(backlog).map_err(|e| Refused::new(&address.to_string(), &e))?;
        let listener = match tls.filter(|_| place.tls) {
            Some(tls) => Listener::Tls(tls.clone(), socket.into()),
            None => Listener::Tcp(socket.into()),
        };
        bound.names.push(listener.name());
        bound.listeners.push(listener);
    }
    Ok(bound)
}

/// The host has no such address, or nothing of its family: `localhost` where IPv6 is switched off.
fn cannot_be_had(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

type Sockets = Vec<(Place, SocketAddr, Socket)>;
type Missing = Vec<(Place, io::Error)>;

/// All addresses of all endpoints with one port, which is the first one's where it is 0, or with their own; and those that the
/// host has not.
fn internet(endpoints: &[Endpoint], mut port: u16) -> Result<(Sockets, Missing), (SocketAddr, io::Error)> {
    let (mut sockets, mut missing) = (Sockets::new(), Missing::new());
    for place in wanted(endpoints)? {
        let mut address = place.address;
        address.set_port(place.port.unwrap_or(port));
        match one(address) {
            Ok((address, socket)) => {
                port = if place.port.is_none() { address.port() } else { port };
                sockets.push((place, address, socket));
            }
            Err(error) if cannot_be_had(&error) => missing.push((place, error)),
            Err(error) => return Err((address, error)),
        }
    }
    Ok((sockets, missing))
}

/// Every place once, and none that another one stands for as well.
fn wanted(endpoints: &[Endpoint]) -> Result<Vec<Place>, (SocketAddr, io::Error)> {
    let places = || {
        endpoints.iter().flat_map(|endpoint| match endpoint {
            Endpoint::Internet { places, .. } => places.as_slice(),
            Endpoint::File { .. } => &[],
        })
    };
    let covers = |one: &Place, of: &Place| {
        let address = one.address.ip().is_unspecified() && one.address.is_ipv4() == of.address.is_ipv4();
        one.port == of.port && (address || one.address == of.address)
    };
    let mut wanted: Vec<Place> = Vec::new();
    for place in places() {
        let any = |one: &&Place| one.address.ip().is_unspecified() && covers(one, place);
        let place = Place { tls: place.tls, ..*places().find(any).unwrap_or(place) };
        // Each free port is another.
        match wanted.iter().find(|other| place.port != Some(0) && covers(other, &place)) {
            Some(other) if other.tls != place.tls => {
                let address = SocketAddr::new(place.address.ip(), place.port.unwrap_or_default());
                return Err((address, io::Error::other("it is to speak TLS, and not to speak it")));
            }
            Some(_) => {}
            None => wanted.push(place),
        }
    }
    Ok(wanted)
}

/// What is missing may be, where another address of the same name is there.
fn skip(name: &str, places: &[Place], missing: &Missing, skipped: &mut Vec<String>) -> Result<(), Refused> {
    let lost = || missing.iter().filter(|(place, _)| places.contains(place));
    let listens = places.iter().any(|place| missing.iter().all(|(lost, _)| lost != place));
    match lost().next() {
        Some((_, error)) if !listens => Err(Refused::new(name, error)),
        _ => {
            let text = |(place, error): &(Place, io::Error)| {
                format!("not listening on {} of {name}: {error}", place.address.ip())
            };
            skipped.extend(lost().map(text));
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
