//! What PHP exports and ext-php-rs 0.16.4 does not bind (its list is in allowed_bindings.rs).
//! Declared by hand, no C file needed; signatures checked against the headers of 8.2.
use ext_php_rs::ffi::*;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::null;

/// A handler as zend_function_entry wants it.
#[allow(non_camel_case_types)]
pub(crate) type zif = unsafe extern "C" fn(*mut zend_execute_data, *mut zval);

unsafe extern "C" {
    pub(crate) fn zend_parse_parameters(num_args: u32, format: *const c_char, ...) -> zend_result;
    pub(crate) fn zend_parse_method_parameters(
        num_args: u32,
        this: *mut zval,
        format: *const c_char,
        ...
    ) -> zend_result;
    pub(crate) fn zend_parse_arg_str_slow(arg: *mut zval, dest: *mut *mut zend_string, num: u32) -> bool;
    pub(crate) fn zend_parse_arg_str_weak(arg: *mut zval, dest: *mut *mut zend_string, num: u32) -> bool;
    pub(crate) fn zend_parse_arg_long_slow(arg: *mut zval, dest: *mut zend_long, num: u32) -> bool;
    pub(crate) fn zend_argument_type_error(num: u32, format: *const c_char, ...);
    pub(crate) fn zend_compare(one: *mut zval, other: *mut zval) -> c_int;
    pub(crate) fn zend_zval_type_name(arg: *const zval) -> *const c_char;
    pub(crate) fn zval_get_long_func(op: *mut zval, is_legacy_behavior: bool) -> zend_long;
    pub(crate) fn zval_try_get_string_func(op: *mut zval) -> *mut zend_string;
    pub(crate) fn zend_is_unwind_exit(exception: *const zend_object) -> bool;
    pub(crate) fn zend_is_graceful_exit(exception: *const zend_object) -> bool;
    pub(crate) fn zend_get_exception_base(object: *mut zend_object) -> *mut zend_class_entry;
    pub(crate) fn zend_exception_set_previous(exception: *mut zend_object, previous: *mut zend_object);
    pub(crate) fn zend_string_concat3(
        first: *const c_char,
        first_len: usize,
        second: *const c_char,
        second_len: usize,
        third: *const c_char,
        third_len: usize,
    ) -> *mut zend_string;
    pub(crate) fn zend_release_fcall_info_cache(found: *mut zend_fcall_info_cache);
    pub(crate) fn zend_timeout() -> !;
    pub(crate) fn zend_vm_stack_extend(size: usize) -> *mut c_void;
    pub(crate) fn zend_ini_long(name: *const c_char, len: usize, orig: c_int) -> zend_long;
    pub(crate) fn zend_ini_string(name: *const c_char, len: usize, orig: c_int) -> *mut c_char;
    pub(crate) fn zend_call_method(
        object: *mut zend_object,
        class: *mut zend_class_entry,
        cached: *mut *mut zend_function,
        name: *const c_char,
        len: usize,
        result: *mut zval,
        count: u32,
        first: *mut zval,
        second: *mut zval,
    ) -> *mut zval;
    pub(crate) fn php_date_get_interface_ce() -> *mut zend_class_entry;
    pub(crate) fn php_date_get_interval_ce() -> *mut zend_class_entry;
    pub(crate) fn php_date_get_immutable_ce() -> *mut zend_class_entry;
    pub(crate) fn php_date_instantiate(class: *mut zend_class_entry, object: *mut zval) -> *mut zval;
    fn expand_filepath_with_mode(
        path: *const c_char,
        real_path: *mut c_char,
        relative_to: *const c_char,
        relative_to_len: usize,
        mode: c_int,
    ) -> *mut c_char;
    fn php_check_open_basedir_ex(path: *const c_char, warn: c_int) -> c_int;
    /// A debug build takes more arguments, of the call's place, as `...`: all ABIs that PHP runs on pass them alike.
    pub(crate) fn _php_stream_fopen_from_fd(
        fd: c_int,
        mode: *const c_char,
        persistent_id: *const c_char,
        zero_position: bool,
        ...
    ) -> *mut _php_stream;
    pub(crate) fn display_ini_entries(module: *mut zend_module_entry);
    pub(crate) fn zend_unregister_ini_entries(module_number: c_int);
}

/// `EG()`. Not ext-php-rs's `ExecutorGlobals::get()`: that takes a lock, which a longjmp would
/// leave locked for ever.
pub(crate) fn eg() -> *mut zend_executor_globals {
    // SAFETY: gives out the address of this thread's globals, which live as long as the thread.
    unsafe { ext_php_rs_executor_globals() }
}

/// Is an exception, or exit(), on its way out?
pub(crate) fn exception_pending() -> bool {
    // SAFETY: see `eg`; the field is a plain pointer.
    unsafe { !(*eg()).exception.is_null() }
}

/// Is exit() on its way out, or what PHP throws into a fiber that is destroyed before its end?
pub(crate) fn exit_pending() -> bool {
    // SAFETY: see `eg`.
    let exception = unsafe { (*eg()).exception };
    // SAFETY: both only look at the class.
    !exception.is_null() && unsafe { zend_is_unwind_exit(exception) || zend_is_graceful_exit(exception) }
}

/// May the code that runs now be suspended?
pub(crate) fn in_fiber() -> bool {
    // SAFETY: see `eg`; the field is a plain pointer.
    unsafe { !(*eg()).active_fiber.is_null() }
}

/// A path from PHP's current directory, which is not the process's where PHP has threads. Symbolic links stay.
pub(crate) fn absolute(path: &CStr) -> CString {
    const CWD_EXPAND: c_int = 0;
    let mut buffer = [0 as c_char; libc::PATH_MAX as usize];
    // SAFETY: PHP writes at most MAXPATHLEN bytes, which is PATH_MAX, and a NUL among them; null for a path that is too long.
    unsafe {
        let done = expand_filepath_with_mode(path.as_ptr(), buffer.as_mut_ptr(), null(), 0, CWD_EXPAND);
        if done.is_null() { path.into() } else { CStr::from_ptr(done).into() }
    }
}

/// May the script use this file?
pub(crate) fn open_basedir_allows(path: &CStr) -> bool {
    // SAFETY: PHP reads the path.
    unsafe { php_check_open_basedir_ex(path.as_ptr(), 0) == 0 }
}

/// A literal that ends in `\0` as a C string.
pub(crate) const fn c(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => c"",
    }
}
