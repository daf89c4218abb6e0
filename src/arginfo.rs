//! The tables that build.rs had PHP write from the stub, and the few types they are made of: every signature, class and
//! constant, and for each method and function the path of its handler, `crate::client::add_server`.
//!
//! All of it is `static` and never written to: PHP copies what it changes (class names, interning).
use crate::object::ClassDef;
use crate::sys::zif;
use ext_php_rs::ffi::{self, zend_function_entry, zend_internal_arg_info, zend_type};
use std::ffi::{CStr, c_char};
use std::mem::zeroed;
use std::ptr::null;

/// Raw pointers make a table `!Sync`; these point at string literals only.
#[repr(transparent)]
pub(crate) struct Shared<T>(pub(crate) T);
// SAFETY: never written to, and all it points at is static.
unsafe impl<T> Sync for Shared<T> {}

pub(crate) enum Const {
    Long(i64),
    Text(&'static CStr),
}

/// Not in ext-php-rs's bindings; zend_compile.h puts it two above the variadic bit.
const TENTATIVE: u32 = ffi::_ZEND_IS_VARIADIC_BIT << 2;

/// Element 0 of an arginfo array has the number of required arguments in place of a name.
const fn arg(
    name: *const c_char,
    type_mask: u32,
    class: *const c_char,
    default_value: *const c_char,
) -> zend_internal_arg_info {
    zend_internal_arg_info { name, type_: zend_type { ptr: class.cast_mut().cast(), type_mask }, default_value }
}

#[allow(clippy::needless_update, reason = "8.4 has two fields more, null like the rest of END")]
const fn entry(
    fname: *const c_char,
    handler: zif,
    args: &'static [zend_internal_arg_info],
    num_args: u32,
    flags: u32,
) -> zend_function_entry {
    zend_function_entry { fname, handler: Some(handler), arg_info: args.as_ptr(), num_args, flags, ..END }
}

// SAFETY: all-zero is what ends a table of zend_function_entry.
const END: zend_function_entry = unsafe { zeroed() };

include!(concat!(env!("OUT_DIR"), "/arginfo.rs"));
pub(crate) use globals;
