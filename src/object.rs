//! Classes whose objects carry Rust state, made by hand: `#[php_class]` loses the state when a
//! subclass skips `parent::__construct()`, refuses serialize() and cannot report zvals to the
//! cycle collector.
//!
//! Owns the registered classes and the memory of objects. Must never know what a state is for. Invariants: every object has
//! its state from its creation to its end, whether a constructor ran or not; class entries are written in MINIT alone,
//! which comes again where a program starts PHP more than once.
use ext_php_rs::ffi::*;
use ext_php_rs::types::Zval;
use once_cell::sync::OnceCell;
use std::ffi::c_int;
use std::marker::PhantomData;
use std::mem::{MaybeUninit, offset_of, size_of, zeroed};
use std::ptr::{addr_of, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// A class as the engine registers it; arginfo.rs has one for each.
pub(crate) struct ClassDef {
    pub(crate) name: &'static str,
    pub(crate) flags: u32,
    pub(crate) functions: &'static [zend_function_entry],
    /// name, default, modifiers
    pub(crate) longs: &'static [(&'static str, i64, u32)],
}
// SAFETY: never written to, and all it points at is static.
unsafe impl Sync for ClassDef {}

/// The object as PHP allocates it: our state first, then the declared properties.
#[repr(C)]
struct Instance<T> {
    state: MaybeUninit<T>,
    std: zend_object,
}

/// State of a class. Handlers get `&Self` only, and may be re-entered by any PHP code they call: use
/// Cell, and never a RefCell borrow across such a call.
pub(crate) trait Class: Sized + 'static {
    /// Where the class is registered.
    fn entry() -> &'static Entry<Self>;
    /// The state of a fresh object; must not run PHP code.
    fn new() -> Self;
    /// Everything of PHP's that the state holds and that could be part of a cycle. The collector reads it at
    /// once.
    fn zvals(&self) -> *const [Zval];
}

/// A class as it is registered.
pub(crate) struct Entry<T> {
    /// Written at every MINIT: a SAPI may start the module twice, and PHP frees its classes in between. Read afterwards.
    class: AtomicPtr<zend_class_entry>,
    /// The same at every start.
    handlers: OnceCell<zend_object_handlers>,
    of: PhantomData<fn() -> T>,
}

impl<T: Class> Entry<T> {
    pub(crate) const fn new() -> Self {
        Self { class: AtomicPtr::new(null_mut()), handlers: OnceCell::new(), of: PhantomData }
    }
    pub(crate) fn get(&self) -> *mut zend_class_entry {
        self.class.load(Relaxed)
    }
    /// # Safety
    /// In MINIT only.
    pub(crate) unsafe fn register(&self, def: &'static ClassDef) {
        self.handlers(); // made now, while there is one thread
        // SAFETY: as the caller says; the class was made just now.
        unsafe {
            let class = register_class(def, null_mut());
            (*class).__bindgen_anon_2.create_object = Some(create::<T>); // subclasses inherit it
            self.class.store(class, Relaxed);
        }
    }
    fn handlers(&self) -> &zend_object_handlers {
        const { assert!(size_of::<Instance<T>>() == offset_of!(Instance<T>, std) + size_of::<zend_object>()) };
        self.handlers.get_or_init(|| {
            // SAFETY: a table of PHP's that nobody writes to.
            let mut handlers = unsafe { addr_of!(std_object_handlers).read() };
            handlers.offset = offset_of!(Instance<T>, std) as c_int;
            handlers.free_obj = Some(free::<T>);
            handlers.get_gc = Some(get_gc::<T>);
            handlers.clone_obj = None; // "Trying to clone an uncloneable object of class …"
            handlers
        })
    }
}

/// Registers a class; one without Rust state, such as an exception, needs no more.
///
/// # Safety
/// In MINIT only; `parent` is null or a class.
pub(crate) unsafe fn register_class(def: &'static ClassDef, parent: *mut zend_class_entry) -> *mut zend_class_entry {
    // SAFETY: the engine copies the entry; names and tables are static.
    unsafe {
        let mut ce: zend_class_entry = zeroed();
        ce.name = (zend_string_init_interned.unwrap_unchecked())(def.name.as_ptr().cast(), def.name.len(), true);
        ce.info.internal.builtin_functions = def.functions.as_ptr();
        let class = zend_register_internal_class_ex(&raw mut ce, parent);
        (*class).ce_flags |= def.flags;
        for (name, value, flags) in def.longs {
            let mut zv = Zval::new();
            zv.set_long(*value);
            zend_declare_property(class, name.as_ptr().cast(), name.len(), &raw mut zv, *flags as c_int);
        }
        class
    }
}

/// # Safety
/// `object` was made by [`create`] for this `T`.
unsafe fn instance<T>(object: *mut zend_object) -> *mut Instance<T> {
    // SAFETY: `std` lies inside an Instance<T>.
    unsafe { object.byte_sub(offset_of!(Instance<T>, std)).cast() }
}

/// The object is kept alive by the frame of the call that names it.
///
/// # Safety
/// `object` is of the class that `T` registers, or of a subclass.
pub(crate) unsafe fn state<'a, T: Class>(object: *mut zend_object) -> &'a T {
    // SAFETY: as above; `create` wrote the state, only `free` ends it.
    unsafe { (*instance::<T>(object)).state.assume_init_ref() }
}

/// `object` as a value: takes over a reference to it.
pub(crate) fn object_zval(object: *mut zend_object) -> Zval {
    let mut zv = Zval::new();
    zv.value.obj = object;
    zv.u1.type_info = IS_OBJECT_EX;
    zv
}

/// A reference to an object of `T`'s class.
pub(crate) struct Object<T>(Zval, PhantomData<T>);

impl<T: Class> Object<T> {
    /// A fresh one.
    pub(crate) fn new() -> Self {
        // SAFETY: the class is registered: handlers run after MINIT only.
        Object(object_zval(unsafe { create::<T>(T::entry().get()) }), PhantomData)
    }
    /// # Safety
    /// `object` is one, of this class or of a subclass.
    pub(crate) unsafe fn from_zval(object: Zval) -> Self {
        Object(object, PhantomData)
    }
    pub(crate) fn state(&self) -> &T {
        // SAFETY: an object of this class, as this type says; it lives for as long as this reference.
        unsafe { state(self.0.value.obj) }
    }
    /// A second reference.
    pub(crate) fn share(&self) -> Zval {
        self.0.shallow_clone()
    }
    pub(crate) fn into_zval(self) -> Zval {
        self.0
    }
}

/// Also runs for subclasses, mocks, unserialize() and newInstanceWithoutConstructor(): state is
/// there always, constructors have nothing that must be done.
unsafe extern "C" fn create<T: Class>(class: *mut zend_class_entry) -> *mut zend_object {
    // SAFETY: the allocator of the engine gives room for the state, the object and its properties.
    unsafe {
        // The allocation may longjmp (memory_limit): first.
        let this = ext_php_rs_zend_object_alloc(size_of::<Instance<T>>(), class).cast::<Instance<T>>();
        (*this).state.write(T::new());
        let object = &raw mut (*this).std;
        zend_object_std_init(object, class);
        object_properties_init(object, class);
        (*object).handlers = T::entry().handlers();
        object
    }
}

/// Also runs after a fatal error, when `__destruct` does not.
unsafe extern "C" fn free<T: Class>(object: *mut zend_object) {
    // SAFETY: called once for an object of `create`'s.
    unsafe {
        // First: it ends WeakReferences. Dropping our zvals can run destructors, and one of those
        // could come back through a WeakReference and find half a state.
        zend_object_std_dtor(object);
        (*instance::<T>(object)).state.assume_init_drop();
    }
}

unsafe extern "C" fn get_gc<T: Class>(
    object: *mut zend_object,
    table: *mut *mut zval,
    n: *mut c_int,
) -> *mut HashTable {
    // SAFETY: the collector reads the slice at once and changes nothing of it.
    unsafe {
        let zvals = &*state::<T>(object).zvals();
        *table = zvals.as_ptr().cast_mut();
        *n = zvals.len() as c_int;
        zend_std_get_properties(object)
    }
}
