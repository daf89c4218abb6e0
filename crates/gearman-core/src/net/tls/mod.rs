//! TLS as clients and workers want it: which files, which name, and what rustls makes of that.
//!
//! Owns the settings, and the configurations made of them, in one place for the whole process: so a new client resumes the
//! session of the one before. Must never know a socket. Nobody else reads a certificate or a key.
//!
//! A server's certificate is verified, and the name in it, unless [`TlsSettings::verify`] says otherwise. TLS is 1.2 or 1.3. No
//! application protocol is offered, and nothing is sent before the handshake is over.
//!
//! Configurations are kept by settings, server, and what stat(2) says of the files. A file that was changed is read again for the
//! next connection, and the sessions that were made with the old one are not resumed. What it says goes with each connection, so that
//! who keeps one can see whether its files were changed.

mod files;
mod reason;
mod verify;

use crate::error::{Error, Result};
use crate::net::address::ServerAddress;
pub(crate) use files::Stamps;
pub use reason::Failure;
use rustls::client::{ClientConfig, ClientConnection, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use verify::Trust;

/// Names the file with the CAs' certificates; TLS is wanted where it is set.
const CA_FILE: &str = "GEARMAND_CA_CERTIFICATE";
/// Names the file with the certificate to show.
const CERTIFICATE: &str = "GEARMAN_CLIENT_PEM";
/// Names the file with its key.
const KEY: &str = "GEARMAN_CLIENT_KEY";

/// Configurations at most, each for one server; the one that was not used for longest goes.
const CONFIGURATIONS: usize = 64;
/// Tickets of TLS 1.3 that are kept for each server: rustls's own number, which it rounds up to.
const TICKETS: usize = 8;

/// What TLS is to be like. Files are named here and read when a connection is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsSettings {
    /// PEM file with the certificates of the CAs that are trusted; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file with the certificate to show to a server that asks for one, and those between it and its CA.
    pub certificate: Option<PathBuf>,
    /// PEM file with the certificate's key; `None`: it is in the certificate's file.
    pub key: Option<PathBuf>,
    /// The name that the server's certificate must have; `None`: the host name or IP address that is connected to.
    pub peer_name: Option<String>,
    /// Whether the server's certificate is verified at all. Without that anybody can be the server.
    pub verify: bool,
}

impl Default for TlsSettings {
    /// The system's CAs, no certificate, and the server is verified.
    fn default() -> TlsSettings {
        TlsSettings { ca_file: None, certificate: None, key: None, peer_name: None, verify: true }
    }
}

impl TlsSettings {
    /// Those that libgearman's variables name: `GEARMAND_CA_CERTIFICATE`, `GEARMAN_CLIENT_PEM` and `GEARMAN_CLIENT_KEY`. An empty
    /// variable is as good as none.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> TlsSettings {
        let file = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let (ca_file, certificate, key) = (file(CA_FILE), file(CERTIFICATE), file(KEY));
        TlsSettings { ca_file, certificate, key, ..TlsSettings::default() }
    }

    /// Those of [`TlsSettings::from_environment`] where that asks for TLS with all servers: as in libgearman, where it names
    /// a CA's file.
    pub fn asked_for(variable: impl Fn(&str) -> Option<OsString>) -> Option<TlsSettings> {
        Some(TlsSettings::from_environment(variable)).filter(|settings| settings.ca_file.is_some())
    }
}

/// With which servers TLS is spoken, and how. Never with those that have a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TlsChoice {
    /// With those whose name begins with `tls://`, as [the environment says](TlsSettings::from_environment).
    #[default]
    Environment,
    /// With those whose name begins with `tls://`.
    Named(Arc<TlsSettings>),
    /// With all.
    All(Arc<TlsSettings>),
}

impl TlsChoice {
    /// With those whose name begins with `tls://`.
    pub fn named(settings: TlsSettings) -> TlsChoice {
        TlsChoice::Named(settings.into())
    }

    /// With all.
    pub fn all(settings: TlsSettings) -> TlsChoice {
        TlsChoice::All(settings.into())
    }

    /// How it is spoken with this server, if it is.
    pub fn of(&self, server: &ServerAddress) -> Option<Arc<TlsSettings>> {
        let ServerAddress::Tcp { tls, .. } = server else { return None };
        match self {
            TlsChoice::All(settings) => Some(settings.clone()),
            TlsChoice::Named(settings) => tls.then(|| settings.clone()),
            TlsChoice::Environment => tls.then(|| TlsSettings::from_environment(|v| std::env::var_os(v)).into()),
        }
    }
}

/// One side of a session with this server, which has not begun: for who brings a socket of its own.
///
/// # Errors
/// [`Error::Tls`] that names the file that cannot be used, or why the server's name cannot be verified.
pub fn session(settings: &Arc<TlsSettings>, server: &ServerAddress) -> Result<ClientConnection> {
    stamped_session(settings, server).map(|(session, _)| session)
}

/// [`session`], and of which files it is.
pub(crate) fn stamped_session(
    settings: &Arc<TlsSettings>,
    server: &ServerAddress,
) -> Result<(ClientConnection, Stamps)> {
    let failed = |reason| Error::Tls { server: server.to_string(), reason };
    let name = name(settings, server).map_err(failed)?;
    let (config, stamps) = config(settings, server).map_err(failed)?;
    let session = ClientConnection::new(config, name).map_err(|e| failed(e.to_string()))?;
    Ok((session, stamps))
}

/// What the server's certificate must be made out to.
fn name(settings: &TlsSettings, server: &ServerAddress) -> std::result::Result<ServerName<'static>, String> {
    let host = match (&settings.peer_name, server) {
        (Some(name), _) => name,
        (None, ServerAddress::Tcp { host, .. }) => host,
        (None, ServerAddress::Unix(_)) => return Err("TLS is not for unix sockets".into()),
    };
    // No certificate has the dot that ends an absolute name, nor the interface of a link-local address.
    let plain = host.strip_suffix('.').unwrap_or(host).split('%').next().unwrap_or_default();
    let wrong =
        |_| format!("no certificate can be made out to \"{host}\": say which name the server's has (peer name)");
    ServerName::try_from(plain.to_string()).map_err(wrong)
}

/// One of the configurations that are kept.
struct Kept {
    settings: Arc<TlsSettings>,
    stamps: Stamps,
    server: ServerAddress,
    config: Arc<ClientConfig>,
}

/// The one that was used last is last. Held for a look only: files are read without it.
static KEPT: Mutex<VecDeque<Kept>> = Mutex::new(VecDeque::new());

/// The configuration for connections to this server, and of which files it is. Each server has one of its own, though several may be
/// made of one file: rustls keeps sessions by the name of a host, and two servers on one host do not know each other's.
fn config(
    settings: &Arc<TlsSettings>,
    server: &ServerAddress,
) -> std::result::Result<(Arc<ClientConfig>, Stamps), String> {
    // Before the files are read: who changes one meanwhile is noticed next time.
    let stamps = Stamps::of(settings);
    let like = {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|k| k.settings != *settings || k.stamps == stamps);
        if let Some(found) = kept.iter().position(|k| k.server == *server && k.settings == *settings)
            && let Some(found) = kept.remove(found)
        {
            let config = found.config.clone();
            kept.push_back(found);
            return Ok((config, stamps));
        }
        kept.iter().find(|k| k.settings == *settings).map(|k| k.config.clone())
    };
    let mut config = match like {
        Some(like) => ClientConfig::clone(&like),
        None => build(settings)?,
    };
    config.resumption = Resumption::in_memory_sessions(TICKETS);
    let config = Arc::new(config);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= CONFIGURATIONS {
        kept.pop_front();
    }
    let (settings, server) = (settings.clone(), server.clone());
    kept.push_back(Kept { settings, stamps: stamps.clone(), server, config: config.clone() });
    Ok((config, stamps))
}

fn build(settings: &TlsSettings) -> std::result::Result<ClientConfig, String> {
    let provider = provider();
    let trust = match (settings.verify, &settings.ca_file) {
        (false, _) => Trust::nobody(provider),
        (true, Some(file)) => Trust::these(files::authorities(file)?, provider)?,
        (true, None) => Trust::these(files::system_authorities()?, provider)?,
    };
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trust));
    Ok(match files::identity(settings, provider)? {
        Some(certified) => config.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified))),
        None => config.with_no_client_auth(),
    })
}

fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_name_files_and_the_first_asks_for_tls() {
        let of = |set: &'static [(&str, &str)]| {
            move |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
        };
        let all = of(&[(CA_FILE, "/ca"), (CERTIFICATE, "/cert"), (KEY, "/key")]);
        let files = |ca: &str, certificate: &str, key: &str| TlsSettings {
            ca_file: Some(ca.into()),
            certificate: Some(certificate.into()),
            key: Some(key.into()),
            ..TlsSettings::default()
        };
        assert_eq!(TlsSettings::asked_for(all), Some(files("/ca", "/cert", "/key")));
        let some = of(&[(CA_FILE, ""), (CERTIFICATE, "/cert")]);
        assert_eq!(TlsSettings::asked_for(some), None);
        let named = TlsSettings { certificate: Some("/cert".into()), ..TlsSettings::default() };
        assert_eq!(TlsSettings::from_environment(some), named);
    }

    #[test]
    fn who_asks_for_tls_gets_it_and_a_path_does_not() {
        let server = |name| ServerAddress::list(name).next().unwrap().unwrap();
        let settings = |name: &str| Arc::new(TlsSettings { peer_name: Some(name.into()), ..TlsSettings::default() });
        let named = TlsChoice::Named(settings("n"));
        assert_eq!(named.of(&server("tls://a")), Some(settings("n")));
        assert_eq!(named.of(&server("a")), None);
        let all = TlsChoice::All(settings("a"));
        assert_eq!(all.of(&server("tls://a")), Some(settings("a")));
        assert_eq!(all.of(&server("a")), Some(settings("a")));
        assert_eq!(all.of(&server("unix:///a")), None);
    }

    #[test]
    fn the_name_in_a_certificate() {
        let of = |host: &str, peer_name: Option<&str>| {
            let settings = TlsSettings { peer_name: peer_name.map(Into::into), ..TlsSettings::default() };
            let server = ServerAddress::new(host, 0).unwrap();
            name(&settings, &server).map(|n| n.to_str().into_owned())
        };
        assert_eq!(of("a.example", None).unwrap(), "a.example");
        assert_eq!(of("a.example.", None).unwrap(), "a.example");
        assert_eq!(of("fe80::1%eth0", None).unwrap(), "fe80::1");
        assert_eq!(of("10.0.0.1", Some("queue.example")).unwrap(), "queue.example");
        let wrong = of("no name", None).unwrap_err();
        assert!(wrong.contains("\"no name\"") && wrong.contains("peer name"), "{wrong}");
    }
}
