//! addServer() and its kin, and connecting.
//!
//! Must never know a socket. Invariant: of a list with a bad server in it none is added.
use crate::call::{Call, Str};
use crate::endpoint::{Endpoint, tls};
use crate::exception::throw;
use crate::failure::Failure;
use crate::ini;
use gearman_core::net::address::{Address, ServerAddress};
use gearman_core::{Error, ReturnCode};

/// For constructors: the servers of the environment and of php.ini. Nothing is connected to.
pub(crate) fn add_defaults(this: &impl Endpoint) {
    if this.servers() > 0 {
        return; // the constructor was called before
    }
    // Not the first time this is read in a process: putenv() works.
    let list = std::env::var("GEARMAN_SERVERS").ok().filter(|l| !l.is_empty()).or_else(ini::servers);
    let Some(list) = list else { return };
    if let Err(error) = add_list(this, &list) {
        this.common().last_error.note_error(&error);
        throw(&format!("the default list of servers \"{list}\" (GEARMAN_SERVERS or gearman.servers): {error}"));
    }
}

pub(crate) fn add_server(call: Call, this: &impl Endpoint, host: Str<'_>, port: i64, setup: bool) {
    let server = utf8(host.or_empty(), format_args!(":{port}")).and_then(|host| ServerAddress::new(host, port));
    let found = server.and_then(|server| find(this, server));
    added_servers(call, this, found.map(|(server, addresses)| this.add(server, addresses)), setup);
}

pub(crate) fn add_servers(call: Call, this: &impl Endpoint, list: Str<'_>, setup: bool) {
    let added = utf8(list.or_empty(), format_args!("")).and_then(|list| add_list(this, list));
    added_servers(call, this, added, setup);
}

/// All of them, or none where one is no server.
fn add_list(this: &impl Endpoint, list: &str) -> Result<(), Error> {
    let servers = ServerAddress::list(list).collect::<Result<Vec<_>, _>>()?;
    let found = servers.into_iter().map(|server| find(this, server)).collect::<Result<Vec<_>, _>>()?;
    found.into_iter().for_each(|(server, addresses)| this.add(server, addresses));
    Ok(())
}

/// A server with its addresses, unless they are not needed.
fn find(this: &impl Endpoint, server: ServerAddress) -> Result<(ServerAddress, Vec<Address>), Error> {
    if server.asks_for_tls() {
        tls::apply(this); // it may be the first that does
    }
    let addresses = if this.is_kept(&server) { Vec::new() } else { server.resolve()? };
    Ok((server, addresses))
}

/// What remains to be done once servers were added, or not.
fn added_servers(call: Call, this: &impl Endpoint, added: Result<(), Error>, setup: bool) {
    let last_error = &this.common().last_error;
    if setup && added.is_ok() {
        this.want_exceptions();
        if !ini::lazy_connect() {
            last_error.set(ReturnCode::Success);
            return connect(call, this);
        }
    }
    last_error.end(call, added);
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
