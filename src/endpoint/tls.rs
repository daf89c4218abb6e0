//! TLS of a client or a worker: setSSL(), and what holds without it.
//!
//! Owns which files are meant: setSSL()'s, else those of the environment, else those of php.ini. Must never read one: the core
//! does, when it connects. Invariants: that TLS is on is the option's bit and nothing else; whether and as whom a server is
//! verified is php.ini's alone, which is the administrator's.
use crate::call::{Call, Str};
use crate::endpoint::Endpoint;
use crate::ini;
use crate::sys;
use gearman_core::ReturnCode;
use gearman_core::net::tls::{TlsChoice, TlsSettings};
use std::env;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// libgearman's variables. The first, where it is set, also switches TLS on.
const CA_CERTIFICATE: &str = "GEARMAND_CA_CERTIFICATE";
const CLIENT_PEM: &str = "GEARMAN_CLIENT_PEM";
const CLIENT_KEY: &str = "GEARMAN_CLIENT_KEY";

/// What setSSL() was given; `None`: the default.
#[derive(Default)]
pub(crate) struct Files {
    ca_file: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Files {
    /// With what the environment and php.ini say now.
    fn settings(&self) -> TlsSettings {
        let or_default = |given: &Option<PathBuf>, variable, setting: fn() -> Option<PathBuf>| {
            given.clone().or_else(|| from_environment(variable)).or_else(setting)
        };
        TlsSettings {
            ca_file: or_default(&self.ca_file, CA_CERTIFICATE, ini::ssl_ca_file),
            certificate: or_default(&self.certificate, CLIENT_PEM, ini::ssl_certificate),
            key: or_default(&self.key, CLIENT_KEY, ini::ssl_key),
            peer_name: ini::ssl_peer_name(),
            verify: ini::ssl_verify(),
        }
    }
}

fn from_environment(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// As a new client or worker begins.
pub(crate) fn begin(this: &impl Endpoint) {
    if from_environment(CA_CERTIFICATE).is_some() || ini::ssl() {
        switch(this, true);
    }
}

/// setSSL().
pub(crate) fn set_ssl(call: Call, this: &impl Endpoint, on: bool, files: [Str<'_>; 3]) {
    match find(files) {
        Ok(files) => {
            this.common().tls.replace(files);
            switch(this, on);
            call.returns(true);
        }
        Err(text) => this.common().last_error.refuse(call, ReturnCode::InvalidArgument.number(), text),
    }
}

/// Switches TLS on or off. The option's bit says which.
pub(crate) fn switch<T: Endpoint>(this: &T, on: bool) {
    let options = &this.common().options;
    options.set(if on { options.get() | T::TLS_OPTION } else { options.get() & !T::TLS_OPTION });
    apply(this);
}

/// Tells the core what holds.
pub(crate) fn apply<T: Endpoint>(this: &T) {
    let settings = this.common().tls.borrow().settings();
    this.set_tls(match this.common().has(T::TLS_OPTION) {
        true => TlsChoice::all(settings),
        false => TlsChoice::named(settings),
    });
}

/// The files that these arguments name, or why one of them is refused.
fn find(files: [Str<'_>; 3]) -> Result<Files, String> {
    let [ca_file, certificate, key] = files.map(file);
    Ok(Files { ca_file: ca_file?, certificate: certificate?, key: key? })
}

/// Made absolute, since a connection may be made anew after a chdir().
fn file(name: Str<'_>) -> Result<Option<PathBuf>, String> {
    let Ok(name) = CString::new(name.or_empty()) else { return Err("the name of a file holds no NUL".into()) };
    if name.is_empty() {
        return Ok(None);
    }
    let path = sys::absolute(&name);
    if !sys::open_basedir_allows(&path) {
        return Err(format!("open_basedir does not allow {}", path.to_string_lossy()));
    }
    Ok(Some(OsString::from_vec(path.into_bytes()).into()))
}
