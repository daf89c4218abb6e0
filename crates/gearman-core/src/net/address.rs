//! Where job servers are: `host:port,host2:port`, `[::1]:4730`, `tls://host:port`, `unix:///path`. Parsing is pure;
//! [`lookup`], and so [`ServerAddress::resolve`], asks the system.
//!
//! Owns how a server is named, and the order of its addresses. Must never connect to one.

use crate::error::{Error, Result};
use crate::{DEFAULT_HOST, DEFAULT_PORT};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;
use std::{fmt, io};

/// In front of the name of a server with which TLS is to be spoken.
const TLS: &str = "tls://";

/// One job server, as the user named it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerAddress {
    /// By name or address.
    Tcp {
        /// Name, IPv4 or IPv6 address, without brackets.
        host: String,
        /// Never 0.
        port: u16,
        /// TLS is to be spoken with this server, whatever holds for others.
        tls: bool,
    },
    /// By a socket in the file system.
    Unix(PathBuf),
}

/// What can be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An Internet address.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl ServerAddress {
    /// A server from a host and a port as programs give them: an empty host is localhost, port 0
    /// is 4730. Behind `tls://` a port may follow the host, and counts then.
    ///
    /// # Errors
    /// [`Error::Resolve`] for what can't be a host, and for ports outside 0–65535.
    ///
    /// ```
    /// # use gearman_core::net::address::ServerAddress;
    /// assert_eq!(ServerAddress::new("", 0).unwrap().to_string(), "localhost:4730");
    /// assert_eq!(ServerAddress::new("::1", 4731).unwrap().to_string(), "[::1]:4731");
    /// assert_eq!(ServerAddress::new("tls://[::1]:4731", 0).unwrap().to_string(), "tls://[::1]:4731");
    /// assert!(ServerAddress::new("localhost", 70000).is_err());
    /// ```
    pub fn new(host: &str, port: i64) -> Result<ServerAddress> {
        let refuse = |reason: &str| Error::Resolve { server: format!("{host}:{port}"), reason: reason.into() };
        if let Some(path) = host.strip_prefix("unix://") {
            return match path {
                "" => Err(refuse("a path must follow unix://")),
                _ => Ok(ServerAddress::Unix(path.into())),
            };
        }
        if let Some(rest) = host.strip_prefix(TLS) {
            return ServerAddress::with_tls(rest, port);
        }
        let port = match u16::try_from(port) {
            Ok(0) => DEFAULT_PORT,
            Ok(port) => port,
            Err(_) => return Err(refuse("the port must be between 0 and 65535")),
        };
        let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host) {
            "" => DEFAULT_HOST,
            host => host,
        };
        match host.contains('\0') {
            true => Err(refuse("a host name holds no NUL")),
            false => Ok(ServerAddress::Tcp { host: host.into(), port, tls: false }),
        }
    }

    /// What follows `tls://`. A bare IPv6 address has no port behind it.
    fn with_tls(rest: &str, port: i64) -> Result<ServerAddress> {
        let refuse = |reason: &str| Error::Resolve { server: format!("{TLS}{rest}"), reason: reason.into() };
        if rest.is_empty() {
            return Err(refuse("a host must follow tls://"));
        }
        if rest.contains('/') {
            return Err(refuse("a host must follow tls://, and TLS is not for unix sockets: unix:///path is enough"));
        }
        let bare = !rest.starts_with('[') && rest.matches(':').count() > 1;
        let (host, named) = if bare { (rest, 0) } else { split(rest).map_err(|reason| refuse(&reason))? };
        match ServerAddress::new(host, if named == 0 { port } else { named })? {
            ServerAddress::Tcp { host, port, .. } => Ok(ServerAddress::Tcp { host, port, tls: true }),
            unix @ ServerAddress::Unix(_) => Ok(unix),
        }
    }

    /// Every entry of a list such as `10.0.0.1:4730,backup,:4731,[::1]:4730,unix:///run/gearmand.sock`,
    /// in order. A missing host is localhost, a missing port 4730; blanks around an entry are ignored.
    /// An entry that cannot be used is an `Err` in its place: collect them before one is used, so that a list with a
    /// mistake in it is refused as a whole.
    pub fn list(list: &str) -> impl Iterator<Item = Result<ServerAddress>> + '_ {
        list.split(',').map(|entry| ServerAddress::parse(entry.trim()))
    }

    fn parse(entry: &str) -> Result<ServerAddress> {
        if entry.starts_with("unix://") || entry.starts_with(TLS) {
            return ServerAddress::new(entry, 0);
        }
        let (host, port) = split(entry).map_err(|reason| Error::Resolve { server: entry.into(), reason })?;
        ServerAddress::new(host, port)
    }

    /// Is TLS asked for by its name?
    pub fn asks_for_tls(&self) -> bool {
        matches!(self, ServerAddress::Tcp { tls: true, .. })
    }

    /// The addresses that the name stands for, in the order to try them. Asks the system's resolver, which
    /// may take seconds; addresses are answered without it.
    ///
    /// # Errors
    /// [`Error::Resolve`] with the resolver's text.
    pub fn resolve(&self) -> Result<Vec<Address>> {
        let (host, port) = match self {
            ServerAddress::Unix(path) => return Ok(vec![Address::Unix(path.clone())]),
            ServerAddress::Tcp { host, port, .. } => (host.as_str(), *port),
        };
        let failed = |reason: String| Error::Resolve { server: self.to_string(), reason };
        let found = lookup(host, port).map_err(|e| failed(e.to_string()))?;
        if found.is_empty() {
            Err(failed("no address".into()))
        } else {
            Ok(found.into_iter().map(Address::Tcp).collect())
        }
    }
}

/// The host and the port of `host:port`; 0 where there is none. An error says what is wrong with it.
fn split(entry: &str) -> std::result::Result<(&str, i64), String> {
    let (host, port) = match entry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, ""),
        Some((host, port)) => (host, port.strip_prefix(':').ok_or_else(|| format!("\"{port}\" is no port after ]"))?),
        None => entry.split_once(':').unwrap_or((entry, "")),
    };
    match port {
        "" => Ok((host, 0)),
        digits => {
            let port = digits.parse().ok().filter(|p| (0..=65535).contains(p));
            port.map(|p| (host, p)).ok_or_else(|| format!("\"{digits}\" is no port, a number from 1 to 65535 is"))
        }
    }
}

/// The addresses of a host, given by name or address, in the order to try them. Only names that are not localhost's are
/// asked of the system's resolver, which may take seconds.
///
/// # Errors
/// The resolver's.
///
/// ```
/// # use gearman_core::net::address::lookup;
/// let found = lookup("localhost", 4730).unwrap();
/// assert!(found.contains(&"127.0.0.1:4730".parse().unwrap()));
/// assert!(found.iter().all(|a| a.ip().is_loopback() && a.port() == 4730));
/// ```
pub fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![(ip, port).into()]);
    }
    if is_localhost(host) {
        // As a resolver orders them (RFC 6724): IPv6 first, where there is any.
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
        let v6 = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok().then_some(v6);
        return Ok(v6.into_iter().chain([(Ipv4Addr::LOCALHOST, port).into()]).collect());
    }
    Ok((host, port).to_socket_addrs()?.collect())
}

/// `localhost`, and every name under it: they are the loopback, and no name server is asked for them (RFC 6761). The
/// files of a minimal container have no line for them either.
fn is_localhost(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerAddress::Tcp { host, port, tls } => {
                let tls = if *tls { TLS } else { "" };
                match host.contains(':') {
                    true => write!(f, "{tls}[{host}]:{port}"),
                    false => write!(f, "{tls}{host}:{port}"),
                }
            }
            ServerAddress::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        ServerAddress::list(text).map(|s| s.map_or_else(|e| format!("error: {e}"), |s| s.to_string())).collect()
    }

    #[test]
    fn lists_as_libgearman_reads_them() {
        assert_eq!(list("a:1,b,:2"), ["a:1", "b:4730", "localhost:2"]);
        assert_eq!(list(""), ["localhost:4730"]);
        assert_eq!(list("a,,b"), ["a:4730", "localhost:4730", "b:4730"]);
        assert_eq!(list("a:1 ,b:2\n"), ["a:1", "b:2"]);
    }

    /// "a:4730, b:4730", as people write lists, was refused, after its first server had been added.
    #[test]
    fn blanks_around_an_entry_are_not_part_of_it() {
        assert_eq!(
            list(" a:1,\tb , c:2 ,\n[::1]:7 ,  unix:///run/g.sock "),
            ["a:1", "b:4730", "c:2", "[::1]:7", "unix:///run/g.sock"]
        );
        assert_eq!(list("a, "), ["a:4730", "localhost:4730"]);
        assert!(list("a: 1,[::1]x,[::1] :1").iter().all(|entry| entry.starts_with("error")));
    }

    #[test]
    fn and_what_it_cannot_read() {
        assert_eq!(list("[::1]:7,[::1],unix:///run/g.sock"), ["[::1]:7", "[::1]:4730", "unix:///run/g.sock"]);
    }

    #[test]
    fn servers_with_tls() {
        assert_eq!(
            list("tls://a:1,tls://b,tls://:2,tls://[::1]:7,tls://[::1],tls://::1"),
            ["tls://a:1", "tls://b:4730", "tls://localhost:2", "tls://[::1]:7", "tls://[::1]:4730", "tls://[::1]:4730"]
        );
        let new = |host, port| ServerAddress::new(host, port).map_or_else(|e| e.to_string(), |s| s.to_string());
        assert_eq!(new("tls://a", 7), "tls://a:7");
        assert_eq!(new("tls://a:8", 7), "tls://a:8", "what stands in the name is meant");
        assert_eq!(new("tls://a", 70000), "could not resolve a:70000: the port must be between 0 and 65535");
        for (wrong, reason) in [
            ("tls://", "a host must follow tls://"),
            ("tls:///run/gearmand.sock", "TLS is not for unix sockets: unix:///path is enough"),
            ("tls://unix:///run/gearmand.sock", "TLS is not for unix sockets: unix:///path is enough"),
            ("tls://a:x", "\"x\" is no port"),
            ("tls://[::1]x", "\"x\" is no port after ]"),
            ("tls://a:70000", "\"70000\" is no port"),
        ] {
            let said = new(wrong, 0);
            assert!(said.starts_with(&format!("could not resolve {wrong}: ")) && said.contains(reason), "{said}");
            assert!(list(wrong)[0].contains(reason));
        }
        let plain = ServerAddress::new("a", 1).unwrap();
        let tls = ServerAddress::new("tls://a", 1).unwrap();
        assert!(plain != tls && tls.asks_for_tls() && !plain.asks_for_tls());
        assert_eq!(
            ServerAddress::new("tls://127.0.0.1", 1).unwrap().resolve(),
            ServerAddress::new("127.0.0.1", 1).unwrap().resolve()
        );
    }

    #[test]
    fn a_bad_entry_says_what_is_wrong_with_it() {
        let bad = list("a:1,b:x,c:70000");
        assert_eq!(bad[0], "a:1");
        assert_eq!(bad[1], "error: could not resolve b:x: \"x\" is no port, a number from 1 to 65535 is");
        assert!(bad[2].contains("\"70000\" is no port"));
    }

    /// Minimal containers have no /etc/hosts, and no name server: "localhost" could not be resolved there.
    #[test]
    fn localhost_needs_no_resolver() {
        for name in ["localhost", "LocalHost", "localhost.", "gearmand.localhost", "a.b.localhost."] {
            assert!(is_localhost(name), "{name}");
        }
        for name in ["localhost.example", "notlocalhost", "localhost..", "", ".", "local"] {
            assert!(!is_localhost(name), "{name}");
        }
        let found = lookup("no-such-name.localhost", 7).unwrap();
        assert_eq!(found.last(), Some(&([127, 0, 0, 1], 7).into()));
        let v6: Vec<SocketAddr> = UdpSocket::bind("[::1]:0").iter().map(|_| "[::1]:7".parse().unwrap()).collect();
        assert_eq!(found[..found.len() - 1], v6);
    }

    #[test]
    fn addresses_need_no_resolver() {
        assert_eq!(
            ServerAddress::new("127.0.0.1", 1).unwrap().resolve(),
            Ok(vec![Address::Tcp(([127, 0, 0, 1], 1).into())])
        );
    }
}
