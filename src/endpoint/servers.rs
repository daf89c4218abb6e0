//! addServer() and its kin, and connecting.
//!
//! Must never know a socket. Invariants: of a list with a mistake in it no server is added, nor where no name is known, as with
//! pecl. Else all are: a name that is not known now may be when it is needed, and is then looked up again.
use crate::call::{Call, Str};
use crate::endpoint::{Endpoint, tls};
use crate::exception::throw;
use crate::failure::Failure;
use crate::ini;
use gearman_core::net::address::ServerAddress;
use gearman_core::{Error, ReturnCode};

/// For constructors: the servers of the environment and of php.ini. Nothing is connected to, nor looked up.
pub(crate) fn add_defaults(this: &impl Endpoint) {
    if this.servers() > 0 {
        return; // the constructor was called before
    }
    // Not the first time this is read in a process: putenv() works.
    let list = std::env::var("GEARMAN_SERVERS").ok().filter(|l| !l.is_empty()).or_else(ini::servers);
    let Some(list) = list else { return };
    if let Err(error) = read(&list).and_then(|servers| note(this, servers, LookUp::Later)) {
        this.common().last_error.note_error(&error);
        throw(&format!("the default list of servers \"{list}\" (GEARMAN_SERVERS or gearman.servers): {error}"));
    }
}

pub(crate) fn add_server(call: Call, this: &impl Endpoint, host: Str<'_>, port: i64, setup: bool) {
    let server = utf8(host.or_empty(), format_args!(":{port}")).and_then(|host| ServerAddress::new(host, port));
    add(call, this, server.map(|server| vec![server]), setup);
}

pub(crate) fn add_servers(call: Call, this: &impl Endpoint, list: Str<'_>, setup: bool) {
    let servers = utf8(list.or_empty(), format_args!("")).and_then(read);
    add(call, this, servers, setup);
}

/// The servers of a list.
fn read(list: &str) -> Result<Vec<ServerAddress>, Error> {
    ServerAddress::list(list).collect()
}

/// Adds servers, connects where that is to be done now, and ends the call.
fn add(call: Call, this: &impl Endpoint, servers: Result<Vec<ServerAddress>, Error>, setup: bool) {
    let last_error = &this.common().last_error;
    if setup && servers.is_ok() {
        this.want_exceptions();
    }
    let look_up = match setup {
        // Event loops connect in poll().
        _ if ini::lazy_connect() || this.with_watch(|watch| watch.is_made()) => LookUp::Later,
        true => LookUp::All,
        false => LookUp::One,
    };
    let added = servers.and_then(|servers| note(this, servers, look_up));
    if setup && added.is_ok() && !ini::lazy_connect() {
        last_error.set(ReturnCode::Success);
        return connect(call, this);
    }
    last_error.end(call, added);
}

/// Which names are looked up when servers are added, and must be known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LookUp {
    /// Whoever connects looks them up.
    Later,
    /// Of several servers one will do.
    One,
    /// All of them are to be connected to.
    All,
}

/// Takes note of servers, with the addresses of those whose names are known.
fn note(this: &impl Endpoint, servers: Vec<ServerAddress>, look_up: LookUp) -> Result<(), Error> {
    if servers.iter().any(ServerAddress::asks_for_tls) {
        tls::apply(this); // it may be the first that does, and what is kept was made with these settings
    }
    let (mut found, mut failed) = (Vec::with_capacity(servers.len()), None);
    for server in &servers {
        match if look_up == LookUp::Later || this.is_kept(server) { Ok(Vec::new()) } else { server.resolve() } {
            Ok(addresses) => found.push(Some(addresses)),
            Err(error) => {
                failed.get_or_insert(error);
                found.push(None);
            }
        }
    }
    if let Some(error) = &failed
        && found.iter().all(Option::is_none)
    {
        return Err(error.clone());
    }
    let mut refused = this.common().refused.borrow_mut();
    for (server, addresses) in servers.iter().zip(found) {
        if !refused.contains(server) {
            this.add(server.clone(), addresses.unwrap_or_default());
        }
    }
    match failed {
        Some(error) if look_up == LookUp::All => {
            refused.extend(servers);
            Err(error)
        }
        _ => Ok(()),
    }
}

pub(crate) fn enable_exception_handler(call: Call, this: &impl Endpoint) {
    this.want_exceptions();
    connect(call, this);
}

/// Reaches every server, or throws what pecl throws. Once event loops watch it, that is poll()'s.
fn connect(call: Call, this: &impl Endpoint) {
    if this.with_watch(|watch| watch.is_made()) {
        this.rouse();
        return call.returns(true);
    }
    let connected = if this.servers() == 0 { Err(Error::NoServers.into()) } else { this.connect() };
    match connected {
        Ok(()) => call.returns(true),
        Err(Failure::Thrown) => {}
        // Which file or certificate it is: nobody could guess.
        Err(Failure::Gearman(error @ Error::Tls { .. })) => {
            let last_error = &this.common().last_error;
            if last_error.warn(call, error.code().number(), error) {
                let text = String::from_utf8_lossy(last_error.error().unwrap_or_default());
                throw(&format!("Failed to set exception option: {text}"));
            }
        }
        Err(_) => throw("Failed to set exception option"),
    }
}

/// `bytes` as text; `after` is what the error shows after them.
fn utf8<'a>(bytes: &'a [u8], after: std::fmt::Arguments<'_>) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes).map_err(|_| Error::Resolve {
        server: format!("{}{after}", String::from_utf8_lossy(bytes)),
        reason: "the name of a host is text".into(),
    })
}
