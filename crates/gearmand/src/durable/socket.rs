//! A socket to a database: TCP or in the file system, with TLS or without. It blocks, for as long as it is allowed to.
//!
//! Must never know what is sent.

use gearman_core::net::address::lookup;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// See the module.
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// Between the one and the other.
    None,
}

impl Socket {
    pub(crate) fn unix(path: &str) -> io::Result<Socket> {
        UnixStream::connect(path).map(Socket::Unix)
    }

    pub(crate) fn tcp(host: &str, port: u16) -> io::Result<Socket> {
        let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in lookup(host, port)? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Socket::Tcp(stream));
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// How long reading and writing may take.
    pub(crate) fn set_patience(&self, patience: Option<Duration>) -> io::Result<()> {
        let stream = match self {
            Socket::Tcp(stream) => stream,
            Socket::Tls(stream) => &stream.sock,
            Socket::Unix(stream) => {
                stream.set_read_timeout(patience)?;
                return stream.set_write_timeout(patience);
            }
            Socket::None => return Ok(()),
        };
        stream.set_read_timeout(patience)?;
        stream.set_write_timeout(patience)
    }

    /// Nobody else reads what is sent.
    pub(crate) fn is_private(&self) -> bool {
        matches!(self, Socket::Unix(_) | Socket::Tls(_))
    }

    /// From here on all is encrypted. The handshake is done when something is read or written.
    pub(crate) fn encrypt(&mut self, host: &str, config: Arc<ClientConfig>) -> Result<(), String> {
        let name = host.to_owned().try_into().map_err(|_| format!("{host} is no name for TLS"))?;
        let session = ClientConnection::new(config, name).map_err(|e| e.to_string())?;
        match std::mem::replace(self, Socket::None) {
            Socket::Tcp(stream) => *self = Socket::Tls(Box::new(StreamOwned::new(session, stream))),
            other => *self = other,
        }
        Ok(())
    }
}

impl Read for Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(buf),
            Socket::Unix(stream) => stream.read(buf),
            Socket::Tls(stream) => stream.read(buf),
            Socket::None => Ok(0),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write(buf),
            Socket::Unix(stream) => stream.write(buf),
            Socket::Tls(stream) => stream.write(buf),
            Socket::None => Ok(0),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Socket::Tls(stream) => stream.flush(),
            _ => Ok(()),
        }
    }
}
