//! What is listened on, and the file of a Unix socket for as long as it is that socket's. Binding is the caller's.

use crate::config::Keepalive;
use crate::net::stream::{Stream, keepalive};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is listened on, bound by the caller.
#[derive(Debug)]
pub enum Listener {
    /// An Internet address.
    Tcp(std::net::TcpListener),
    /// A socket in the file system. Its file, where the server made it, is gone before nobody listens any more.
    Unix(Option<SocketFile>, std::os::unix::net::UnixListener),
}

impl Listener {
    /// Its name in the log and in rules: `127.0.0.1:4730`, `unix:///run/gearmand.sock`.
    pub fn name(&self) -> String {
        match self {
            Listener::Tcp(tcp) => tcp.local_addr().map_or_else(|e| e.to_string(), |address| address.to_string()),
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
pub(crate) enum Accept {
    Tcp(tokio::net::TcpListener),
    /// Its file goes first.
    Unix {
        _file: Option<SocketFile>,
        listener: tokio::net::UnixListener,
    },
}

impl Accept {
    pub(crate) fn new(listener: Listener) -> io::Result<Accept> {
        Ok(match listener {
            Listener::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Accept::Tcp(tokio::net::TcpListener::from_std(listener)?)
            }
            Listener::Unix(file, listener) => {
                listener.set_nonblocking(true)?;
                Accept::Unix { _file: file, listener: tokio::net::UnixListener::from_std(listener)? }
            }
        })
    }

    /// The next connection, and from where it comes.
    pub(crate) async fn next(&self, probe: Option<Keepalive>) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Accept::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // The peer may be gone already; then reading shows it.
                let probe = || probe.map_or(Ok(()), |probe| keepalive(&stream, &probe));
                let _ = stream.set_nodelay(true).and_then(|()| probe());
                // A socket for both families shows IPv4 addresses as IPv6.
                let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                Ok((Stream::Tcp(stream), Some(address)))
            }
            Accept::Unix { listener, .. } => Ok((Stream::Unix(listener.accept().await?.0), None)),
        }
    }
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
