//! The PHP module: converts, delegates, reports. No socket and no packet here; those are
//! `gearman-core`'s.
//!
//! Each module uses only those above it, and a module and its children each other; `scripts/map.sh` checks that.
//!
//! ```text
//! sys                  what PHP exports and ext-php-rs does not bind
//! bytes_cell           bytes that an object keeps and PHP copies
//! signal               whether PHP's signal handlers are due, and running them
//! object               classes whose objects have Rust state
//! zvals                PHP's values that an object keeps, known to the cycle collector
//! call                 one call from PHP: its arguments, its result, its warnings
//! moment               a moment, as programs give it
//! callback             calling PHP with nothing borrowed
//! exception            GearmanException
//! failure              why a call did not do what it was asked for
//! last_error           returnCode() and error(), and how a call ends
//! ini                  php.ini settings
//! pool                 connections kept between requests
//! runtime              the one way to async, and what a fork or a signal does to it
//! endpoint             what GearmanClient and GearmanWorker have in common
//! endpoint::tls        setSSL(), and which files count
//! endpoint::servers    addServer() and its kin, connecting
//! endpoint::streams    getStreams(), and how poll() ends
//! endpoint::methods    the methods that both classes have
//! task                 GearmanTask
//! job                  GearmanJob
//! client               GearmanClient
//! client::callbacks    set*Callback(), and calling back
//! client::run_tasks    runTasks(), wait(): tasks are sent, and reported
//! client::poll         poll(): runTasks() for event loops
//! client::add_task     addTask() and its kin
//! client::do_job       do*(), doBackground() and their kin
//! client::status       jobStatus*()
//! client::inquiry      cancelJob*(), jobInfo(), jobResult()
//! worker               GearmanWorker
//! worker::functions    addFunction(), register() and their kin
//! worker::thrown       what a client is sent when a worker function throws
//! worker::work         work(), grabJob(), wait()
//! worker::poll         poll(): work() for event loops
//! functions            functions that are no twin of a method
//! arginfo              every signature, class and constant: stubs/gearman.stub.php, by way of build.rs
//! ```
//!
//! # Where a change goes
//!
//! - A method: its signature into `stubs/gearman.stub.php`, its handler into the file of its theme, as `handlers!` has them
//!   there: `GearmanClient::doHigh()` is `crate::client::do_high`. One that both classes have: once, in endpoint/methods.rs.
//!   Its procedural twin needs the stub alone, with `@alias`. The compiler tells of a handler that is missing.
//! - A constant: the stub. An option: beside the others in client/mod.rs or worker/mod.rs, and in `CHANGEABLE`.
//! - A setting of php.ini: ini.rs.
#![allow(clippy::missing_safety_doc, reason = "raw handlers, called by PHP only")]
#![allow(
    clippy::await_holding_refcell_ref,
    reason = "block_on ends, and with it the borrow, before anyone else could want one"
)]

mod arginfo;
mod bytes_cell;
mod call;
mod callback;
mod client;
mod endpoint;
mod exception;
mod failure;
mod functions;
mod ini;
mod job;
mod last_error;
mod moment;
mod object;
mod pool;
mod runtime;
mod signal;
mod sys;
mod task;
mod worker;
mod zvals;

use arginfo::Const;
use ext_php_rs::ffi::*;
use object::Class;
use std::ffi::{CString, c_int, c_void};
use std::mem::{size_of, zeroed};
use std::ptr::addr_of_mut;

/// The only symbol that PHP looks up. By hand, not with ext-php-rs's ModuleBuilder: that one takes
/// its function table from FunctionBuilders only, which cannot express union types.
#[unsafe(no_mangle)]
pub extern "C" fn get_module() -> *mut zend_module_entry {
    // SAFETY: all-zero is a valid zend_module_entry: null pointers and zero numbers.
    static mut MODULE: zend_module_entry = unsafe { zeroed() };
    /// Never read. PHP ends the globals of each thread when the thread ends, and so our runtime.
    static mut GLOBALS: c_int = 0;
    // SAFETY: PHP calls this once a start, on one thread, before anything else of ours runs.
    unsafe {
        let module = addr_of_mut!(MODULE);
        (*module).size = size_of::<zend_module_entry>() as u16;
        (*module).zend_api = ZEND_MODULE_API_NO;
        (*module).zts = USING_ZTS as u8;
        (*module).zend_debug = ZEND_DEBUG as u8;
        (*module).build_id = ext_php_rs_php_build_id();
        // Not the name of the file: extension_loaded('gearman') and Composer's ext-gearman ask for it.
        (*module).name = c"gearman".as_ptr();
        (*module).version = concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast();
        (*module).functions = arginfo::FUNCTIONS.0.as_ptr();
        (*module).module_startup_func = Some(startup);
        (*module).module_shutdown_func = Some(shutdown);
        (*module).info_func = Some(info);
        (*module).globals_size = size_of::<c_int>();
        arginfo::globals!(module) = addr_of_mut!(GLOBALS).cast();
        (*module).globals_dtor = Some(end);
        module
    }
}

unsafe extern "C" fn startup(_: c_int, module: c_int) -> c_int {
    // SAFETY: MINIT: the engine's tables may be added to; all names live as long as the module.
    unsafe {
        for (name, value) in arginfo::CONSTANTS {
            let (name, len, flags) = (name.as_ptr(), name.count_bytes(), (CONST_CS | CONST_PERSISTENT) as c_int);
            // Each with its semicolon: 8.5 gives the constant back.
            match value {
                Const::Long(v) => {
                    zend_register_long_constant(name, len, *v, flags, module);
                }
                Const::Text(v) => {
                    zend_register_string_constant(name, len, v.as_ptr(), flags, module);
                }
            }
        }
        ini::register(module);
        client::Client::entry().register(&arginfo::GEARMAN_CLIENT_CLASS);
        task::Task::entry().register(&arginfo::GEARMAN_TASK_CLASS);
        worker::Worker::entry().register(&arginfo::GEARMAN_WORKER_CLASS);
        job::Job::entry().register(&arginfo::GEARMAN_JOB_CLASS);
        runtime::register_fork_handler();
        exception::register(&arginfo::GEARMAN_EXCEPTION_CLASS);
    }
    ZEND_RESULT_CODE_SUCCESS
}

unsafe extern "C" fn shutdown(_: c_int, module: c_int) -> c_int {
    // SAFETY: MSHUTDOWN of the module that registered them.
    unsafe { sys::zend_unregister_ini_entries(module) };
    ZEND_RESULT_CODE_SUCCESS
}

/// After MSHUTDOWN, and in ZTS at the end of each thread, on that thread.
unsafe extern "C" fn end(_: *mut c_void) {
    pool::shutdown();
    runtime::shutdown();
}

/// phpinfo(), php --ri gearman. The first rows are pecl's, which scripts look for.
unsafe extern "C" fn info(module: *mut zend_module_entry) {
    let persistent = CString::new(pool::text()).unwrap_or_default();
    let verification = match ini::ssl_verify() {
        true => c"on",
        false => c"OFF: whoever answers is taken for the server (gearman.ssl_verify=0)",
    };
    let rows = [
        (c"gearman support", c"enabled"),
        (c"extension version", sys::c(concat!(env!("CARGO_PKG_VERSION"), "\0"))),
        (c"libgearman version", functions::LIBGEARMAN),
        (c"core version", sys::c(concat!("gearman_rs ", env!("CARGO_PKG_VERSION"), " (Rust, no libgearman)\0"))),
        (c"Default TCP Host", c"localhost"),
        (c"Default TCP Port", c"4730"),
        (c"persistent connections", &persistent),
        (c"TLS", c"1.2 and 1.3 (rustls)"),
        (c"TLS verification", verification),
    ];
    // SAFETY: called by PHP with its own module entry, output is open; the strings outlive it.
    unsafe {
        php_info_print_table_start();
        for (name, value) in rows {
            php_info_print_table_row(2, name.as_ptr(), value.as_ptr());
        }
        php_info_print_table_end();
        sys::display_ini_entries(module);
    }
}
