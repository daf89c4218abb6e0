//! One call from PHP: its arguments, its result, its warnings. Handlers are written with
//! [`handlers!`] and take their arguments with [`args!`], that is, with PHP's own parser: its
//! coercions, deprecations and TypeErrors are PHP's, word for word.
//!
//! Must never know what a method does. Invariants: a frame owns nothing while PHP code may run, so that a longjmp loses
//! nothing; the result is written once; no panic reaches PHP.
use crate::signal;
use crate::sys::*;
use ext_php_rs::boxed::ZBox;
use ext_php_rs::ffi::*;
use ext_php_rs::types::{ZendHashTable, ZendStr, Zval};
use std::fmt::Display;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

/// A string argument: "S" or "S!" in a format. Borrowed from the frame of the call, any bytes.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct Str<'a>(*const ZendStr, PhantomData<&'a ZendStr>);

impl<'a> Str<'a> {
    pub(crate) const NULL: Self = Str(std::ptr::null(), PhantomData);
    /// `None` for null, and for an optional argument that was left out.
    pub(crate) fn bytes(self) -> Option<&'a [u8]> {
        // SAFETY: null or a zend_string that the caller's frame keeps for the length of the call.
        unsafe { self.0.as_ref() }.map(ZendStr::as_bytes)
    }
    pub(crate) fn or_empty(self) -> &'a [u8] {
        self.bytes().unwrap_or_default()
    }
    /// The same string, not a copy, for an object to keep.
    pub(crate) fn share(self) -> Zval {
        // SAFETY: as in `bytes`.
        let Some(string) = (unsafe { self.0.cast_mut().as_mut() }) else { return string(b"") };
        // SAFETY: every string has it; that of interned ones must not be counted.
        unsafe {
            if string.gc.u.type_info & GC_IMMUTABLE == 0 {
                string.gc.refcount += 1;
            }
        }
        let mut zv = Zval::new();
        // SAFETY: the reference that was counted just now.
        zv.set_zend_string(unsafe { ZBox::from_raw(string) });
        zv
    }
}

/// An argument of any type: "z" in a format. Borrowed from the frame of the call.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct Arg<'a>(*mut zval, PhantomData<&'a Zval>);

impl<'a> Arg<'a> {
    pub(crate) const NULL: Self = Arg(null_mut(), PhantomData);
    /// `None` for an optional argument that was left out.
    pub(crate) fn get(self) -> Option<&'a Zval> {
        // SAFETY: null or a zval that the caller's frame keeps for the length of the call.
        unsafe { self.0.as_ref() }
    }
    /// A second reference to what was given, null for what was left out.
    pub(crate) fn share(self) -> Zval {
        self.get().map_or_else(Zval::new, Zval::shallow_clone)
    }
    pub(crate) fn as_ptr(self) -> *mut zval {
        self.0
    }
}

/// A string of PHP's with a copy of these bytes. Allocates, so it may longjmp.
pub(crate) fn string(bytes: &[u8]) -> Zval {
    let mut zv = Zval::new();
    zv.set_zend_string(ZendStr::new(bytes, false));
    zv
}

/// One call of a handler.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) ex: *mut zend_execute_data,
    pub(crate) ret: *mut zval,
}

impl Call {
    pub(crate) fn count(self) -> u32 {
        // SAFETY: `ex` is the frame PHP made for this call, here and below.
        unsafe { (*self.ex).This.u2.num_args }
    }
    pub(crate) fn this(self) -> *mut zval {
        // SAFETY: as above.
        unsafe { &raw mut (*self.ex).This }
    }
    /// The number PHP would give to the n-th declared argument of the method in an error message.
    pub(crate) fn number(self, n: u32) -> u32 {
        // SAFETY: as above; a function has no scope, and counts its object as the first argument.
        n + u32::from(unsafe { (*(*self.ex).func).common.scope.is_null() })
    }

    /// `string|int|float`, for which PHP's parser has no letter: "z" in the format, then this.
    /// Converts in place, in PHP's frame, so nothing is owned here. None: an exception is pending.
    pub(crate) fn text<'a>(self, n: u32, arg: Arg<'a>) -> Option<Str<'a>> {
        let (n, arg) = (self.number(n), arg.as_ptr());
        let mut out: *mut zend_string = null_mut();
        // SAFETY: `arg` is an argument of this call.
        unsafe {
            let number = (*arg).is_long() || (*arg).is_double(); // allowed under strict_types, too
            let done = match (*arg).is_string() {
                true => {
                    out = (*arg).value.str_;
                    true
                }
                false if number => zend_parse_arg_str_weak(arg, &raw mut out, n),
                false => zend_parse_arg_str_slow(arg, &raw mut out, n),
            };
            if !done && !exception_pending() {
                let given = zend_zval_type_name(arg);
                zend_argument_type_error(n, c"must be of type string|int|float, %s given".as_ptr(), given);
            }
            done.then_some(Str(out, PhantomData))
        }
    }

    /// PHP sets the result to null before the call. It is written once, so nothing is dropped.
    pub(crate) fn returns(self, value: impl Into<Reply>) {
        let value = value.into().0;
        // SAFETY: the result slot of this call.
        unsafe { self.ret.write(value) };
    }

    /// An E_WARNING that begins with the method or function called. A user's error handler may run
    /// and longjmp: by then `text` is gone, and its copy is request memory, which PHP frees anyway.
    pub(crate) fn warn(self, text: impl Display) {
        // PHP takes it as a C string: a NUL, from a name that a user or a server gave, would end it.
        let copy = ZendStr::new(text.to_string().replace('\0', "\\0"), false).into_raw();
        drop(text);
        // SAFETY: `copy` is a zend_string of our own, released after its last use.
        unsafe {
            let words = (&raw const (*copy).val).cast::<std::ffi::c_char>();
            php_error_docref(null_mut(), E_WARNING as i32, c"%s".as_ptr(), words);
            ext_php_rs_zend_string_release(copy);
        }
    }
}

/// Anything that a handler may return.
pub(crate) struct Reply(Zval);
/// What says no more than that it was done.
impl From<()> for Reply {
    fn from((): ()) -> Self {
        true.into()
    }
}
impl From<bool> for Reply {
    fn from(v: bool) -> Self {
        let mut z = Zval::new();
        z.set_bool(v);
        Reply(z)
    }
}
impl From<i64> for Reply {
    fn from(v: i64) -> Self {
        let mut z = Zval::new();
        z.set_long(v);
        Reply(z)
    }
}
impl From<f64> for Reply {
    fn from(v: f64) -> Self {
        let mut z = Zval::new();
        z.set_double(v);
        Reply(z)
    }
}
impl From<&[u8]> for Reply {
    fn from(v: &[u8]) -> Self {
        Reply(string(v)) // the one copy
    }
}
/// `None` is PHP's false.
impl<T: Into<Reply>> From<Option<T>> for Reply {
    fn from(v: Option<T>) -> Self {
        v.map_or(false.into(), Into::into)
    }
}
impl From<Reply> for Zval {
    fn from(v: Reply) -> Self {
        v.0
    }
}
impl From<Zval> for Reply {
    fn from(v: Zval) -> Self {
        Reply(v)
    }
}
impl<const N: usize> From<[Reply; N]> for Reply {
    fn from(list: [Reply; N]) -> Self {
        let mut table = ZendHashTable::new();
        for item in list {
            // Fails only when 2^63 elements are there.
            let _ = table.push(item.0);
        }
        let mut z = Zval::new();
        z.set_hashtable(table);
        Reply(z)
    }
}

/// A panic is a bug of ours and must not cost the user the process: PHP sees an Error.
pub(crate) fn guard(body: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(body)).is_err() && !exception_pending() {
        // SAFETY: null is Error's own class; the text is static.
        unsafe { zend_throw_error(null_mut(), c"bug: Rust panic in the gearman extension".as_ptr()) };
    }
    signal::release();
}

/// Makes each fn a raw handler, as the tables in arginfo.rs want it.
macro_rules! handlers {
    ($($(#[$doc:meta])* fn $name:ident($call:ident) $body:block)*) => {$(
        $(#[$doc])*
        pub(crate) unsafe extern "C" fn $name(ex: *mut ext_php_rs::ffi::zend_execute_data, ret: *mut ext_php_rs::ffi::zval) {
            let $call = $crate::call::Call { ex, ret };
            $crate::call::guard(move || $body)
        }
    )*};
}

/// `let this = args!(call, Client, "S|l", &mut name, &mut number);` — returns from the handler when
/// PHP has thrown. "O" goes in front: PHP skips it for a method and takes argument 1 for its
/// procedural twin. As in C, format and variables must agree: S and P (a path, without NUL) Str, l i64, b bool, z Arg.
macro_rules! args {
    ($call:ident, $class:ty, $format:literal $(, &mut $out:ident)*) => {{
        let mut object: *mut ext_php_rs::ffi::zval = std::ptr::null_mut();
        // SAFETY: format and variables agree, see above; PHP writes to them before it returns.
        let parsed = unsafe {
            $crate::sys::zend_parse_method_parameters($call.count(), $call.this(),
                concat!("O", $format, "\0").as_ptr().cast(), &raw mut object,
                <$class as $crate::object::Class>::entry().get() $(, &raw mut $out)*)
        };
        if parsed != ext_php_rs::ffi::ZEND_RESULT_CODE_SUCCESS {
            return;
        }
        // SAFETY: PHP has checked the class.
        unsafe { $crate::object::state::<$class>((*object).value.obj) }
    }};
}
pub(crate) use {args, handlers};
