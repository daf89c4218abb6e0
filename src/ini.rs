//! php.ini settings: checked when they are set, read once per object.
use crate::sys::{zend_ini_long, zend_ini_string};
use ext_php_rs::ffi::{ZEND_RESULT_CODE_FAILURE, ZEND_RESULT_CODE_SUCCESS, zend_ini_entry, zend_string};
use ext_php_rs::flags::IniEntryPermission;
use ext_php_rs::zend::{IniEntryDef, IniEntryDefs};
use gearman_core::server_connection::Settings;
use std::ffi::{CStr, c_int, c_void};
use std::time::Duration;

const CONNECT_TIMEOUT: &str = "gearman.connect_timeout";
const MAX_PACKET_SIZE: &str = "gearman.max_packet_size";
const LAZY_CONNECT: &str = "gearman.lazy_connect";
const PERSISTENT: &str = "gearman.persistent";
const DIRECT_ASSIGNMENT: &str = "gearman.direct_assignment";
const PREFETCH: &str = "gearman.prefetch";
const SERVERS: &str = "gearman.servers";

/// Static: PHP keeps pointers to the table (8.5).
static ENTRIES: IniEntryDefs<8> = IniEntryDefs::new([
    IniEntryDef {
        on_modify: Some(milliseconds),
        ..IniEntryDef::new(c"gearman.connect_timeout", c"5000", IniEntryPermission::All)
    },
    IniEntryDef {
        on_modify: Some(packet_size),
        ..IniEntryDef::new(c"gearman.max_packet_size", c"1073741824", IniEntryPermission::All)
    },
    IniEntryDef { on_modify: Some(switch), ..IniEntryDef::new(c"gearman.lazy_connect", c"0", IniEntryPermission::All) },
    IniEntryDef {
        on_modify: Some(switch),
        ..IniEntryDef::new(c"gearman.persistent", c"0", IniEntryPermission::System)
    },
    IniEntryDef {
        on_modify: Some(switch),
        ..IniEntryDef::new(c"gearman.direct_assignment", c"1", IniEntryPermission::All)
    },
    IniEntryDef { on_modify: Some(jobs), ..IniEntryDef::new(c"gearman.prefetch", c"0", IniEntryPermission::All) },
    IniEntryDef { on_modify: Some(anything), ..IniEntryDef::new(c"gearman.servers", c"", IniEntryPermission::All) },
    IniEntryDef::end(),
]);

/// For MINIT.
pub(crate) fn register(module: c_int) {
    IniEntryDef::register(ENTRIES.as_slice(), module);
}

type Check =
    unsafe extern "C" fn(*mut zend_ini_entry, *mut zend_string, *mut c_void, *mut c_void, *mut c_void, c_int) -> c_int;
const _: [Check; 5] = [milliseconds, packet_size, switch, jobs, anything];

/// FAILURE: ini_set() returns false; in php.ini, the default stays.
fn check(value: *mut zend_string, good: impl Fn(&str) -> bool) -> c_int {
    // SAFETY: null or a string that PHP keeps for the length of the call.
    let text = unsafe { value.as_ref() }.and_then(|v| v.as_str().ok());
    if text.is_some_and(good) { ZEND_RESULT_CODE_SUCCESS } else { ZEND_RESULT_CODE_FAILURE }
}

fn number_in(range: std::ops::RangeInclusive<i64>) -> impl Fn(&str) -> bool {
    move |text| text.parse().is_ok_and(|n: i64| range.contains(&n))
}

unsafe extern "C" fn milliseconds(
    _: *mut zend_ini_entry,
    value: *mut zend_string,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    _: c_int,
) -> c_int {
    check(value, number_in(1..=3_600_000))
}

unsafe extern "C" fn packet_size(
    _: *mut zend_ini_entry,
    value: *mut zend_string,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    _: c_int,
) -> c_int {
    check(value, |text| bytes(text).is_some_and(|n| (1024..=u64::from(u32::MAX)).contains(&n)))
}

unsafe extern "C" fn switch(
    _: *mut zend_ini_entry,
    value: *mut zend_string,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    _: c_int,
) -> c_int {
    check(value, |text| matches!(text, "0" | "1" | ""))
}

unsafe extern "C" fn jobs(
    _: *mut zend_ini_entry,
    value: *mut zend_string,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    _: c_int,
) -> c_int {
    check(value, number_in(0..=1000))
}

/// Without one, ini_restore() does nothing.
unsafe extern "C" fn anything(
    _: *mut zend_ini_entry,
    _: *mut zend_string,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    _: c_int,
) -> c_int {
    ZEND_RESULT_CODE_SUCCESS
}

/// One hash look-up; ext-php-rs's `ini_values()` copies the whole table.
fn long(name: &str) -> i64 {
    // SAFETY: PHP reads `len` bytes of the name.
    unsafe { zend_ini_long(name.as_ptr().cast(), name.len(), 0) }
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

fn text(name: &str) -> Option<String> {
    // SAFETY: PHP gives out a string that lives until the setting changes; it is copied at once.
    let text = unsafe { zend_ini_string(name.as_ptr().cast(), name.len(), 0).as_ref().map(|c| CStr::from_ptr(c)) };
    text.map(|t| t.to_string_lossy().into_owned())
}
