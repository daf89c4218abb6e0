//! php.ini settings: checked when they are set, read once per object.
//!
//! A new setting is a name, a row in [`ENTRIES`] with what it may be, and a function that reads it. Must never know who reads
//! it. Invariant: what is read has been checked, or is the default.
use crate::sys::{zend_ini_long, zend_ini_string};
use ext_php_rs::ffi::{ZEND_RESULT_CODE_FAILURE, ZEND_RESULT_CODE_SUCCESS, zend_ini_entry, zend_string};
use ext_php_rs::flags::IniEntryPermission;
use ext_php_rs::zend::{IniEntryDef, IniEntryDefs};
use gearman_core::server_connection::Settings;
use std::ffi::{CStr, CString, OsString, c_int, c_void};
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

const CONNECT_TIMEOUT: &CStr = c"gearman.connect_timeout";
const DEFAULT_TIMEOUT: &CStr = c"gearman.default_timeout";
const MAX_PACKET_SIZE: &CStr = c"gearman.max_packet_size";
const LAZY_CONNECT: &CStr = c"gearman.lazy_connect";
const PERSISTENT: &CStr = c"gearman.persistent";
const DIRECT_ASSIGNMENT: &CStr = c"gearman.direct_assignment";
const PREFETCH: &CStr = c"gearman.prefetch";
const SERVERS: &CStr = c"gearman.servers";
const SSL: &CStr = c"gearman.ssl";
const SSL_CA_FILE: &CStr = c"gearman.ssl_ca_file";
const SSL_CERTIFICATE: &CStr = c"gearman.ssl_certificate";
const SSL_KEY: &CStr = c"gearman.ssl_key";
const SSL_PEER_NAME: &CStr = c"gearman.ssl_peer_name";
const SSL_VERIFY: &CStr = c"gearman.ssl_verify";

/// Static: PHP keeps pointers to the table (8.5).
static ENTRIES: IniEntryDefs<15> = IniEntryDefs::new([
    setting::<Milliseconds>(CONNECT_TIMEOUT, c"5000", IniEntryPermission::All),
    setting::<Timeout>(DEFAULT_TIMEOUT, c"-1", IniEntryPermission::All),
    setting::<PacketSize>(MAX_PACKET_SIZE, c"1073741824", IniEntryPermission::All),
    setting::<Switch>(LAZY_CONNECT, c"0", IniEntryPermission::All),
    setting::<Switch>(PERSISTENT, c"0", IniEntryPermission::System),
    setting::<Switch>(DIRECT_ASSIGNMENT, c"1", IniEntryPermission::All),
    setting::<Jobs>(PREFETCH, c"0", IniEntryPermission::All),
    setting::<Anything>(SERVERS, c"", IniEntryPermission::All),
    setting::<Switch>(SSL, c"0", IniEntryPermission::All),
    // No script's: files that open_basedir may not allow, and whom to trust.
    setting::<Anything>(SSL_CA_FILE, c"", IniEntryPermission::System),
    setting::<Anything>(SSL_CERTIFICATE, c"", IniEntryPermission::System),
    setting::<Anything>(SSL_KEY, c"", IniEntryPermission::System),
    setting::<Anything>(SSL_PEER_NAME, c"", IniEntryPermission::System),
    setting::<Switch>(SSL_VERIFY, c"1", IniEntryPermission::System),
    IniEntryDef::end(),
]);

const fn setting<R: Rule>(name: &'static CStr, default: &'static CStr, permission: IniEntryPermission) -> IniEntryDef {
    // Also where anything goes: without a handler, ini_restore() does nothing.
    IniEntryDef { on_modify: Some(check::<R>), ..IniEntryDef::new(name, default, permission) }
}

/// For MINIT.
pub(crate) fn register(module: c_int) {
    IniEntryDef::register(ENTRIES.as_slice(), module);
}

/// What a setting may be. `None`: bytes that are no UTF-8.
trait Rule {
    fn allows(text: Option<&str>) -> bool;
}

struct Milliseconds;
impl Rule for Milliseconds {
    fn allows(text: Option<&str>) -> bool {
        is_number_in(text, 1..=3_600_000)
    }
}

/// Not 0: to setTimeout() that is not to wait at all, to other settings of PHP no limit.
struct Timeout;
impl Rule for Timeout {
    fn allows(text: Option<&str>) -> bool {
        text == Some("-1") || is_number_in(text, 1..=i64::from(i32::MAX))
    }
}

struct PacketSize;
impl Rule for PacketSize {
    fn allows(text: Option<&str>) -> bool {
        text.and_then(bytes).is_some_and(|n| (1024..=u64::from(u32::MAX)).contains(&n))
    }
}

struct Switch;
impl Rule for Switch {
    fn allows(text: Option<&str>) -> bool {
        matches!(text, Some("0" | "1" | ""))
    }
}

struct Jobs;
impl Rule for Jobs {
    fn allows(text: Option<&str>) -> bool {
        is_number_in(text, 0..=1000)
    }
}

struct Anything;
impl Rule for Anything {
    fn allows(_: Option<&str>) -> bool {
        true
    }
}

fn is_number_in(text: Option<&str>, range: RangeInclusive<i64>) -> bool {
    text.and_then(|text| text.parse().ok()).is_some_and(|n: i64| range.contains(&n))
}

/// FAILURE: ini_set() returns false; in php.ini, the default stays.
unsafe extern "C" fn check<R: Rule>(
    _: *mut zend_ini_entry,
    value: *mut zend_string,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    _: c_int,
) -> c_int {
    // SAFETY: null or a string that PHP keeps for the length of the call.
    let text = unsafe { value.as_ref() }.and_then(|v| v.as_str().ok());
    if R::allows(text) { ZEND_RESULT_CODE_SUCCESS } else { ZEND_RESULT_CODE_FAILURE }
}

/// One hash look-up; ext-php-rs's `ini_values()` copies the whole table.
fn long(name: &CStr) -> i64 {
    // SAFETY: PHP reads the name.
    unsafe { zend_ini_long(name.as_ptr(), name.count_bytes(), 0) }
}

fn text(name: &CStr) -> Option<String> {
    copy(name).map(|t| t.to_string_lossy().into_owned())
}

fn path(name: &CStr) -> Option<PathBuf> {
    copy(name).filter(|p| !p.is_empty()).map(|p| OsString::from_vec(p.into_bytes()).into())
}

fn copy(name: &CStr) -> Option<CString> {
    // SAFETY: PHP gives out a string that lives until the setting changes; it is copied at once.
    unsafe { zend_ini_string(name.as_ptr(), name.count_bytes(), 0).as_ref().map(|c| CStr::from_ptr(c).into()) }
}

/// A number of bytes as php.ini has them: `512K`, `64M`, `1g`, or without a letter.
fn bytes(text: &str) -> Option<u64> {
    let (digits, factor) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        b'g' | b'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// The settings for connections.
pub(crate) fn settings() -> Settings {
    Settings {
        connect_timeout: Duration::from_millis(long(CONNECT_TIMEOUT).max(1).unsigned_abs()),
        max_packet: text(MAX_PACKET_SIZE).and_then(|t| bytes(&t)).map_or(gearman_core::MAX_PACKET, |n| n as usize),
    }
}

/// `gearman.default_timeout`: the milliseconds that a client waits, negative: without end.
pub(crate) fn default_timeout() -> i64 {
    long(DEFAULT_TIMEOUT)
}

/// `gearman.lazy_connect`: addServer() does not connect.
pub(crate) fn lazy_connect() -> bool {
    long(LAZY_CONNECT) != 0
}

/// `gearman.persistent`: connections of clients are kept for those after them.
pub(crate) fn persistent() -> bool {
    long(PERSISTENT) != 0
}

/// `gearman.direct_assignment`: a server may give jobs to a worker that sleeps.
pub(crate) fn direct_assignment() -> bool {
    long(DIRECT_ASSIGNMENT) != 0
}

/// `gearman.prefetch`: jobs that a worker holds beyond the one it runs.
pub(crate) fn prefetch() -> usize {
    usize::try_from(long(PREFETCH)).unwrap_or_default()
}

/// `gearman.servers`, unless empty.
pub(crate) fn servers() -> Option<String> {
    text(SERVERS).filter(|t| !t.is_empty())
}

/// `gearman.ssl`: connections speak TLS.
pub(crate) fn ssl() -> bool {
    long(SSL) != 0
}

/// `gearman.ssl_ca_file`, unless empty.
pub(crate) fn ssl_ca_file() -> Option<PathBuf> {
    path(SSL_CA_FILE)
}

/// `gearman.ssl_certificate`, unless empty.
pub(crate) fn ssl_certificate() -> Option<PathBuf> {
    path(SSL_CERTIFICATE)
}

/// `gearman.ssl_key`, unless empty.
pub(crate) fn ssl_key() -> Option<PathBuf> {
    path(SSL_KEY)
}

/// `gearman.ssl_peer_name`, unless empty.
pub(crate) fn ssl_peer_name() -> Option<String> {
    text(SSL_PEER_NAME).filter(|name| !name.is_empty())
}

/// `gearman.ssl_verify`: certificates of servers are verified.
pub(crate) fn ssl_verify() -> bool {
    long(SSL_VERIFY) != 0
}
