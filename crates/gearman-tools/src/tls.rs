//! TLS: the options of both programs for it, and a stream that speaks it and waits.
//!
//! Must never decide whom to trust: that is gearman-core's.

use clap::Args;
use gearman_core::Error;
use gearman_core::net::address::ServerAddress;
use gearman_core::net::tls::{self, Failure, TlsSettings};
use rustls::{ClientConnection, StreamOwned};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

/// The options. The C tools have the first alone, and take files from the environment.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS options")]
pub struct TlsFlags {
    /// Connect with TLS, and verify the server; each of the options below asks for it as well
    #[arg(short = 'S', long = "ssl")]
    pub ssl: bool,
    /// PEM file with the certificates of the CAs to trust [default: the system's]
    #[arg(long, value_name = "FILE")]
    pub ssl_ca_file: Option<PathBuf>,
    /// PEM file with the certificate to show to the server
    #[arg(long, value_name = "FILE")]
    pub ssl_certificate: Option<PathBuf>,
    /// PEM file with its key [default: it is in the certificate's file]
    #[arg(long, value_name = "FILE")]
    pub ssl_key: Option<PathBuf>,
    /// Name that the server's certificate must have [default: the host that is connected to]
    #[arg(long, value_name = "NAME")]
    pub ssl_peer_name: Option<String>,
}

impl TlsFlags {
    /// How to speak TLS with all servers, if that is asked for, by an option or by the environment.
    pub fn settings(&self, variable: impl Fn(&str) -> Option<OsString>) -> Option<TlsSettings> {
        let files = [&self.ssl_ca_file, &self.ssl_certificate, &self.ssl_key];
        let asked = self.ssl || self.ssl_peer_name.is_some() || files.into_iter().any(Option::is_some);
        if !asked {
            return TlsSettings::asked_for(variable);
        }
        let mut settings = TlsSettings::from_environment(variable);
        settings.ca_file = self.ssl_ca_file.clone().or(settings.ca_file);
        if self.ssl_certificate.is_some() {
            // Its key is in the same file, or named beside it.
            (settings.certificate, settings.key) = (self.ssl_certificate.clone(), None);
        }
        settings.key = self.ssl_key.clone().or(settings.key);
        settings.peer_name.clone_from(&self.ssl_peer_name);
        Some(settings)
    }

    /// How to speak it with this server.
    pub fn settings_for(
        &self,
        server: &ServerAddress,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Option<TlsSettings> {
        match server {
            ServerAddress::Unix(_) => None,
            ServerAddress::Tcp { tls: true, .. } => {
                self.settings(&variable).or_else(|| Some(TlsSettings::from_environment(variable)))
            }
            ServerAddress::Tcp { .. } => self.settings(variable),
        }
    }
}

/// A TLS session over a socket. What it cannot do is an [`io::Error`] with a [`Failure`].
#[derive(Debug)]
pub(crate) struct TlsStream {
    stream: StreamOwned<ClientConnection, TcpStream>,
    settings: Arc<TlsSettings>,
}

impl TlsStream {
    /// Agrees on TLS with this server, which the socket is connected to.
    pub(crate) fn connect(
        socket: TcpStream,
        settings: Arc<TlsSettings>,
        server: &ServerAddress,
    ) -> gearman_core::Result<TlsStream> {
        let session = tls::session(&settings, server)?;
        let mut stream = TlsStream { stream: StreamOwned::new(session, socket), settings };
        let agreed = stream.stream.conn.complete_io(&mut stream.stream.sock);
        match agreed {
            Ok(_) => Ok(stream),
            Err(e) => {
                let reason = Failure::of(&e, &stream.settings, true).reason;
                Err(Error::Tls { server: server.to_string(), reason })
            }
        }
    }

    /// What it is spoken over.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.stream.sock
    }

    fn explain(&self, e: io::Error) -> io::Error {
        match e.kind() {
            io::ErrorKind::InvalidData => io::Error::other(Failure::of(&e, &self.settings, false)),
            _ => e,
        }
    }
}

impl Read for TlsStream {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(room) {
            // The end without a close_notify: answers say themselves whether they are whole.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            Err(e) => Err(self.explain(e)),
            read => read,
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes).map_err(|e| self.explain(e))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush().map_err(|e| self.explain(e))
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        self.stream.conn.send_close_notify();
        // Where it cannot be said the server sees the end all the same.
        let _ = self.stream.conn.write_tls(&mut self.stream.sock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(files: [Option<&str>; 3]) -> TlsSettings {
        let [ca_file, certificate, key] = files.map(|f| f.map(PathBuf::from));
        TlsSettings { ca_file, certificate, key, ..TlsSettings::default() }
    }

    #[test]
    fn options_ask_for_tls_and_go_before_the_environment() {
        let none = |_: &str| None;
        let all = |name: &str| Some(OsString::from(format!("/{name}")));
        let variables = [Some("/GEARMAND_CA_CERTIFICATE"), Some("/GEARMAN_CLIENT_PEM"), Some("/GEARMAN_CLIENT_KEY")];
        assert_eq!(TlsFlags::default().settings(none), None);
        assert_eq!(TlsFlags::default().settings(all), Some(settings(variables)));
        let ssl = TlsFlags { ssl: true, ..TlsFlags::default() };
        assert_eq!(ssl.settings(none), Some(TlsSettings::default()));
        assert_eq!(ssl.settings(all), Some(settings(variables)));
        let ca = TlsFlags { ssl_ca_file: Some("/ca".into()), ..TlsFlags::default() };
        assert_eq!(ca.settings(none), Some(settings([Some("/ca"), None, None])));
        let certificate = TlsFlags { ssl_certificate: Some("/own".into()), ..TlsFlags::default() };
        assert_eq!(certificate.settings(all), Some(settings([variables[0], Some("/own"), None])));
    }

    #[test]
    fn a_name_asks_for_tls_and_a_path_never_does() {
        let server = |name: &str| ServerAddress::new(name, 0).unwrap();
        let (none, ssl) = (TlsFlags::default(), TlsFlags { ssl: true, ..TlsFlags::default() });
        let key = |name: &str| (name == "GEARMAN_CLIENT_PEM").then(|| OsString::from("/pem"));
        assert_eq!(none.settings_for(&server("a"), key), None);
        assert_eq!(none.settings_for(&server("tls://a"), key), Some(settings([None, Some("/pem"), None])));
        assert_eq!(ssl.settings_for(&server("a"), |_| None), Some(TlsSettings::default()));
        assert_eq!(ssl.settings_for(&server("unix:///a"), |_| None), None);
    }
}
