//! What is listened on, and the file of a Unix socket for as long as it is that socket's. Binding is the caller's.

use crate::config::Keepalive;
use crate::config::tls::Tls;
use crate::net::peer::Peer;
use crate::net::stream::{Socket, keepalive};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What is listened on, bound by the caller.
#[derive(Debug)]
pub enum Listener {
    /// An Internet address.
    Tcp(std::net::TcpListener),
    /// An Internet address where TLS is spoken.
    Tls(Tls, std::net::TcpListener),
    /// A socket in the file system. Its file, where the server made it, is gone before nobody listens any more.
    Unix(Option<SocketFile>, std::os::unix::net::UnixListener),
}

impl Listener {
    /// Its name in the log and in rules: `127.0.0.1:4730`, `tls://127.0.0.1:4731`, `unix:///run/gearmand.sock`.
    pub fn name(&self) -> String {
        let internet = |tcp: &std::net::TcpListener| tcp.local_addr().map(|address| address.to_string());
        match self {
            Listener::Tcp(tcp) => internet(tcp).unwrap_or_else(|e| e.to_string()),
            Listener::Tls(_, tcp) => internet(tcp).map_or_else(|e| e.to_string(), |name| format!("tls://{name}")),
            Listener::Unix(Some(file), _) => format!("unix://{}", file.path().display()),
            Listener::Unix(None, unix) => match unix.local_addr() {
                Ok(address) => match address.as_pathname() {
                    Some(path) => format!("unix://{}", path.display()),
                    None => "a local socket without a file".into(),
                },
                Err(error) => error.to_string(),
            },
        }
    }
}

/// A listener of the runtime.
#[derive(Debug)]
pub(crate) struct Accept {
    /// As the log names it.
    name: Arc<str>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Tcp(Option<Tls>, tokio::net::TcpListener),
    /// Its file goes first.
    Unix {
        _file: Option<SocketFile>,
        listener: tokio::net::UnixListener,
    },
}

/// A connection that came.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    pub(crate) peer: Peer,
    /// As the log names it.
    pub(crate) name: String,
    /// With what it is to be encrypted, where it is.
    pub(crate) tls: Option<Tls>,
}

impl Accept {
    pub(crate) fn new(listener: Listener) -> io::Result<Accept> {
        let internet = |tls, listener: std::net::TcpListener| {
            listener.set_nonblocking(true)?;
            io::Result::Ok(Kind::Tcp(tls, tokio::net::TcpListener::from_std(listener)?))
        };
        let name = listener.name().into();
        let kind = match listener {
            Listener::Tcp(listener) => internet(None, listener)?,
            Listener::Tls(tls, listener) => internet(Some(tls), listener)?,
            Listener::Unix(file, listener) => {
                listener.set_nonblocking(true)?;
                Kind::Unix { _file: file, listener: tokio::net::UnixListener::from_std(listener)? }
            }
        };
        Ok(Accept { name, kind })
    }

    /// The next connection.
    pub(crate) async fn next(&self, probe: Option<Keepalive>) -> io::Result<Accepted> {
        let peer = Peer { certificate: None, uid_gid: None, address: None, listener: self.name.clone() };
        match &self.kind {
            Kind::Tcp(tls, listener) => {
                let (stream, address) = listener.accept().await?;
                // The peer may be gone already; then reading shows it.
                let probe = || probe.map_or(Ok(()), |probe| keepalive(&stream, &probe));
                let _ = stream.set_nodelay(true).and_then(|()| probe());
                // A socket for both families shows IPv4 addresses as IPv6.
                let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                let peer = Peer { address: Some(address.ip()), ..peer };
                Ok(Accepted { socket: Socket::Tcp(stream), peer, name: address.to_string(), tls: tls.clone() })
            }
            Kind::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                let uid_gid = stream.peer_cred().ok().map(|who| (who.uid(), who.gid()));
                let peer = Peer { uid_gid, ..peer };
                Ok(Accepted { socket: Socket::Unix(stream), peer, name: "a local socket".into(), tls: None })
            }
        }
    }
}

/// How long nobody is accepted when the system has no more descriptors.
pub(crate) const EXHAUSTED: Duration = Duration::from_millis(100);

/// Errors that are about a connection that came and went, not about the server.
pub(crate) fn is_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied, WouldBlock};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | PermissionDenied | WouldBlock)
}

/// Removes the file when it is dropped, unless there is another under its name by then: an operator may have moved
/// things, and another server may listen there. To be dropped before its socket is closed, as until then no other
/// server takes the name.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// The file of a socket that was bound just now.
    ///
    /// # Errors
    /// The system's, where there is none.
    pub fn of(path: &Path) -> io::Result<SocketFile> {
        // The folder that a name begins at may be another at the end.
        let path = std::path::absolute(path)?;
        let found = std::fs::symlink_metadata(&path)?;
        Ok(SocketFile { path, device: found.dev(), inode: found.ino() })
    }

    /// Whether it is found under this name, too.
    pub fn is_at(&self, path: &Path) -> bool {
        let found = std::fs::symlink_metadata(path);
        found.is_ok_and(|found| (found.dev(), found.ino()) == (self.device, self.inode))
    }

    /// Its name, from the root on.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_at(&self.path) {
            // Without privileges any more, it may have to stay.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
