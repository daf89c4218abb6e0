//! Where job servers are: `host:port,host2:port`, `[::1]:4730`, `unix:///path`. Parsing is pure;
//! [`Server::resolve`] asks the system's resolver.

use crate::error::{Error, Result};
use crate::{DEFAULT_HOST, DEFAULT_PORT};
use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// One job server, as the user named it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Server {
    /// By name or address.
    Tcp {
        /// Name, IPv4 or IPv6 address, without brackets.
        host: String,
        /// Never 0.
        port: u16,
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

impl Server {
    /// A server from a host and a port as programs give them: an empty host is localhost, port 0
    /// is 4730.
    ///
    /// # Errors
    /// [`Error::Resolve`] for what can't be a host, and for ports outside 0–65535.
    ///
    /// ```
    /// # use gearman_core::servers::Server;
    /// assert_eq!(Server::new("", 0).unwrap().to_string(), "localhost:4730");
    /// assert_eq!(Server::new("::1", 4731).unwrap().to_string(), "[::1]:4731");
    /// assert!(Server::new("localhost", 70000).is_err());
    /// ```
    pub fn new(host: &str, port: i64) -> Result<Server> {
        let refuse = |reason: &str| Error::Resolve { server: format!("{host}:{port}"), reason: reason.into() };
        if let Some(path) = host.strip_prefix("unix://") {
            return match path {
                "" => Err(refuse("a path must follow unix://")),
                _ => Ok(Server::Unix(path.into())),
            };
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
            false => Ok(Server::Tcp { host: host.into(), port }),
        }
    }

    /// Every entry of a list such as `10.0.0.1:4730,backup,:4731,[::1]:4730,unix:///run/gearmand.sock`,
    /// in order. A missing host is localhost, a missing port 4730; blanks behind a port are ignored.
    /// An entry that cannot be used is an `Err` in its place, so that those before it may be kept.
    pub fn list(list: &str) -> impl Iterator<Item = Result<Server>> + '_ {
        list.split(',').map(Server::parse)
    }

    fn parse(entry: &str) -> Result<Server> {
        if entry.starts_with("unix://") {
            return Server::new(entry.trim_end(), 0);
        }
        let (host, port) = match entry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => match entry.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (entry, None),
            },
        };
        let port = match port.map(str::trim_end) {
            None | Some("") => 0,
            Some(digits) => digits.parse().ok().filter(|p| (0..=65535).contains(p)).ok_or_else(|| Error::Resolve {
                server: entry.into(),
                reason: format!("\"{digits}\" is no port, a number from 1 to 65535 is"),
            })?,
        };
        Server::new(host, port)
    }

    /// The addresses behind the name, in the order to try them. Asks the system's resolver, which
    /// may take seconds; addresses are answered without it.
    ///
    /// # Errors
    /// [`Error::Resolve`] with the resolver's words.
    pub fn resolve(&self) -> Result<Vec<Address>> {
        let (host, port) = match self {
            Server::Unix(path) => return Ok(vec![Address::Unix(path.clone())]),
            Server::Tcp { host, port } => (host.as_str(), *port),
        };
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![Address::Tcp((ip, port).into())]);
        }
        let failed = |reason: String| Error::Resolve { server: self.to_string(), reason };
        let found = (host, port).to_socket_addrs().map_err(|e| failed(e.to_string()))?;
        let found: Vec<_> = found.map(Address::Tcp).collect();
        if found.is_empty() { Err(failed("no address".into())) } else { Ok(found) }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Server::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Server::Tcp { host, port } => write!(f, "{host}:{port}"),
            Server::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        Server::list(text).map(|s| s.map_or_else(|e| format!("error: {e}"), |s| s.to_string())).collect()
    }

    #[test]
    fn lists_as_libgearman_reads_them() {
        assert_eq!(list("a:1,b,:2"), ["a:1", "b:4730", "localhost:2"]);
        assert_eq!(list(""), ["localhost:4730"]);
        assert_eq!(list("a,,b"), ["a:4730", "localhost:4730", "b:4730"]);
        assert_eq!(list("a:1 ,b:2\n"), ["a:1", "b:2"]);
    }

    #[test]
    fn and_what_it_cannot_read() {
        assert_eq!(list("[::1]:7,[::1],unix:///run/g.sock"), ["[::1]:7", "[::1]:4730", "unix:///run/g.sock"]);
    }

    #[test]
    fn a_bad_entry_says_what_is_wrong_with_it() {
        let bad = list("a:1,b:x,c:70000");
        assert_eq!(bad[0], "a:1");
        assert_eq!(bad[1], "error: could not resolve b:x: \"x\" is no port, a number from 1 to 65535 is");
        assert!(bad[2].contains("\"70000\" is no port"));
    }

    #[test]
    fn addresses_need_no_resolver() {
        assert_eq!(Server::new("127.0.0.1", 1).unwrap().resolve(), Ok(vec![Address::Tcp(([127, 0, 0, 1], 1).into())]));
    }
}
