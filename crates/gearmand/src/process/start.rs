//! From the options to a server that listens. All that takes long is waited for, so that signals are handled meanwhile:
//! whoever drops what [`start()`] returns stops it, and nothing is left of it.

use crate::process::bind::{self, Bound, Endpoint};
use crate::process::daemon;
use crate::process::log::NOTICE;
use crate::process::pid::PidFile;
use crate::process::reload::Reload;
use crate::process::rule_files::RuleFiles;
use crate::process::socket_file::Others;
use crate::process::user::Other;
use crate::process::wait::{Refused, Wait};
use gearmand::config::{Config, Options};
use gearmand::{Listener, Queue, Server, Stop, Tls};
use tokio::sync::watch;

/// All is well.
pub(crate) struct Ready {
    pub(crate) server: Server,
    pub(crate) bound: Bound,
    /// Where HTTP is spoken, as the log names it.
    pub(crate) http: Vec<String>,
    pub(crate) pid: PidFile,
}

/// First the queue, which the server before this one lets go last; then the addresses, so that clients are not taken
/// and then kept waiting for that; then the jobs; and when nothing can fail any more, the file with the process id.
///
/// Where sockets were given, none is bound. It ends as `other`, where that is another user.
pub(crate) async fn start(
    options: &Options,
    rules: &RuleFiles,
    given: Vec<Listener>,
    other: Option<&Other>,
    reload: &Reload,
    stop: &watch::Receiver<Stop>,
    report: impl Fn(&str),
) -> Result<Ready, String> {
    let descriptors = descriptors(options)?;
    let tls = tls(options, reload, &report).await?;
    let wait = Wait::new(options.bind_wait);
    let as_other = || other.map(Other::borrow).transpose();
    let port = options.port().map_err(|e| e.to_string())?;
    let (listen, ssl) = (options.listen_on().map_err(|e| e.to_string())?, options.ssl);
    let asked = options.clone();
    let (http, remark) = aside(move || http_endpoints(&asked)).await??;
    remark.iter().for_each(|remark| report(remark));
    let endpoints = aside(move || bind::endpoints(&listen, port, ssl));
    let endpoints = if given.is_empty() { endpoints.await?? } else { Vec::new() };
    let queue = {
        let _as_other = as_other()?;
        wait.until(&report, async || open_queue(options).await).await?
    };
    let mut others = Others::default();
    // HTTP first: a server that drains keeps its port of that, and who connects to this one should not wait meanwhile.
    let bind_http = async || bind::bind(&http, 0, options.backlog, tls.as_ref(), &mut others);
    let http = if http.is_empty() { Bound::default() } else { wait.until(&report, bind_http).await? };
    let bind = async || bind::bind(&endpoints, port, options.backlog, tls.as_ref(), &mut others);
    let bound = if given.is_empty() { wait.until(&report, bind).await? } else { Bound::given(given, tls.as_ref()) };
    http.skipped.iter().for_each(|skipped| report(skipped));
    for skipped in &bound.skipped {
        match options.listen.is_empty() {
            true => tracing::info!("{skipped}"),
            false => report(skipped),
        }
    }
    let mut config = options.config();
    rules.follow(&mut config);
    config.trim = crate::trim;
    share(descriptors as usize, tls.is_some(), !http.listeners.is_empty(), &mut config);
    let server = {
        let _as_other = as_other()?;
        let stop = stop.clone();
        match queue {
            Queue::Memory => Server::new(config, Queue::Memory, &stop),
            queue => aside(move || Server::new(config, queue, &stop)).await?,
        }
    };
    let server = server.map_err(|e| e.to_string())?;
    let pid = PidFile::write(options, other)?;
    if let Some(other) = other {
        other.settle(bound.paths().chain(http.paths()))?;
    }
    if options.coredump {
        daemon::allow_core().map_err(|e| format!("--coredump: {e}"))?;
    }
    let names = http.listeners.iter().map(url).collect();
    Ok(Ready { server: server.with_http(http.listeners), bound, http: names, pid })
}

/// Where HTTP is to be spoken, and what is to be remarked of that. Without tokens it is spoken to this host alone.
pub(crate) fn http_endpoints(options: &Options) -> Result<(Vec<Endpoint>, Option<String>), String> {
    let listen = options.http_listen_on().map_err(|e| e.to_string())?;
    if listen.is_empty() {
        return Ok((Vec::new(), None));
    }
    let endpoints = bind::endpoints(&listen, 0, options.ssl)?;
    let remark = match bind::beyond_this_host(&endpoints) {
        None => None,
        Some((name, address, _)) if options.http_token_file.is_none() => {
            return Err(format!(
                "{name}: {address} is reached from other hosts, and everybody could do everything: name a loopback address \
                 or unix:///PATH, or tokens by --http-token-file"
            ));
        }
        Some((_, _, true)) => None,
        Some((name, address, false)) => Some(format!(
            "{name}: tokens go to {address} unencrypted: use https://, unless only a proxy with TLS or a network of your own \
             reaches it"
        )),
    };
    Ok((endpoints, remark))
}

/// As a browser takes it.
fn url(listener: &Listener) -> String {
    match (listener, listener.name()) {
        (Listener::Tcp(_), name) => format!("http://{name}"),
        (Listener::Tls(..), name) => name.replacen("tls://", "https://", 1),
        (Listener::Unix(..), name) => name,
    }
}

/// What TLS connections are made with, where there are to be any. It is read while the server may still do so as the user who
/// starts it.
async fn tls(options: &Options, reload: &Reload, report: &impl Fn(&str)) -> Result<Option<Tls>, String> {
    let Some(files) = options.tls().map_err(|e| e.to_string())? else { return Ok(None) };
    let (tls, remarks) = aside(move || Tls::read(files)).await?.map_err(|e| e.to_string())?;
    remarks.iter().for_each(|remark| report(remark));
    let read_anew = tls.clone();
    reload.add(move || match read_anew.reload() {
        Ok(remarks) => {
            tracing::info!(target: NOTICE, "the files of TLS are read anew");
            remarks.iter().for_each(|remark| tracing::warn!("{remark}"));
        }
        Err(error) => tracing::error!("the files of TLS are not read anew, those before stay: {error}"),
    });
    Ok(Some(tls))
}

async fn open_queue(options: &Options) -> Result<Queue, Refused> {
    if !options.is_durable() {
        return Ok(Queue::Memory);
    }
    let options = options.clone();
    let opened = aside(move || options.open_queue()).await.map_err(|reason| Refused { reason, later: false })?;
    opened.map_err(|error| Refused { reason: error.to_string(), later: error.held })
}

/// On a thread of its own: this one handles signals.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|e| format!("cannot start: {e}"))
}

/// What may take how many descriptors. What others may have is not left to connections, so that a server that is full is still heard
/// of over HTTP, and who connects and says nothing keeps nobody out.
fn share(descriptors: usize, tls: bool, http: bool, config: &mut Config) {
    /// For files, databases and listeners.
    const OTHERS: usize = 64;
    /// Of a thread with its runtime.
    const OF_THREAD: usize = 4;
    /// Who waits for a job over HTTP takes so many more than one connection.
    const OF_HTTP: usize = 3;
    config.max_handshakes = config.max_handshakes.min(descriptors / 8);
    config.http.connections = config.http.connections.min(descriptors / 16);
    let handshakes = if tls { config.max_handshakes } else { 0 };
    let http = if http { OF_HTTP * config.http.connections } else { 0 };
    let others = OTHERS + OF_THREAD * config.threads;
    config.max_connections = descriptors - others.min(descriptors / 4) - handshakes - http;
}

/// As many descriptors as were asked for, or as the user may have. How many that is.
fn descriptors(options: &Options) -> Result<u64, String> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let named = |e: nix::Error| format!("--file-descriptors: {e}");
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(named)?;
    let wanted = options.file_descriptors.unwrap_or(hard);
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted)).map_err(named)?;
    Ok(wanted)
}
