//! GearmanException: the class, and throwing it.
//!
//! Must never know why it is thrown. Its class is registered anew whenever PHP starts the module.
use crate::object::{ClassDef, register_class};
use ext_php_rs::ffi::{zend_ce_exception, zend_class_entry, zend_throw_exception};
use std::ffi::CString;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

static CLASS: AtomicPtr<zend_class_entry> = AtomicPtr::new(null_mut());

/// # Safety
/// In MINIT only.
pub(crate) unsafe fn register(def: &'static ClassDef) {
    // SAFETY: as the caller says; PHP's own classes are there by then.
    CLASS.store(unsafe { register_class(def, zend_ce_exception) }, Relaxed);
}

/// Leaves a GearmanException with code 0 pending.
pub(crate) fn throw(message: &str) {
    let message = CString::new(message.replace('\0', "\\0")).unwrap_or_default();
    // SAFETY: PHP copies the text.
    unsafe { zend_throw_exception(CLASS.load(Relaxed), message.as_ptr(), 0) };
}
