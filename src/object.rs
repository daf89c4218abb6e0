//! Classes whose objects carry Rust state, made by hand: `#[php_class]` loses the state when a
//! subclass skips `parent::__construct()`, refuses serialize() and cannot report zvals to the
//! cycle collector.
use crate::arginfo::ClassDef;
use ext_php_rs::alloc::emalloc;
use ext_php_rs::ffi::*;
use ext_php_rs::types::Zval;
use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::ffi::c_int;
use std::mem::{ManuallyDrop, MaybeUninit, offset_of, replace, size_of, zeroed};
use std::ptr::{addr_of, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// A reference as PHP's headers define it (zend_types.h): its type, and that the collector does not begin there.
const GC_REFERENCE: u32 = IS_REFERENCE | 1 << 4;

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

/// Written at every MINIT (a SAPI may start the module twice), read afterwards.
pub(crate) struct Entry<T> {
    class: AtomicPtr<zend_class_entry>,
    handlers: UnsafeCell<MaybeUninit<zend_object_handlers>>,
    of: std::marker::PhantomData<fn() -> T>,
}
// SAFETY: written in MINIT, which runs on one thread before any other of PHP's exists.
unsafe impl<T> Sync for Entry<T> {}

impl<T: Class> Entry<T> {
    pub(crate) const fn new() -> Self {
        Self {
            class: AtomicPtr::new(null_mut()),
            handlers: UnsafeCell::new(MaybeUninit::uninit()),
            of: std::marker::PhantomData,
        }
    }
    pub(crate) fn get(&self) -> *mut zend_class_entry {
        self.class.load(Relaxed)
    }
    /// # Safety
    /// In MINIT only.
    pub(crate) unsafe fn register(&self, def: &'static ClassDef) {
        const { assert!(size_of::<Instance<T>>() == offset_of!(Instance<T>, std) + size_of::<zend_object>()) };
        // SAFETY: the handler table is a static of ours; nobody reads it before the class exists.
        unsafe {
            let mut handlers = addr_of!(std_object_handlers).read();
            handlers.offset = offset_of!(Instance<T>, std) as c_int;
            handlers.free_obj = Some(free::<T>);
            handlers.get_gc = Some(get_gc::<T>);
            handlers.clone_obj = None; // "Trying to clone an uncloneable object of class …"
            (*self.handlers.get()).write(handlers);
            let class = register(def, null_mut());
            (*class).__bindgen_anon_2.create_object = Some(create::<T>); // subclasses inherit it
            self.class.store(class, Relaxed);
        }
    }
}

/// A class without Rust state, such as an exception.
///
/// # Safety
/// In MINIT only; `parent` is null or a class.
pub(crate) unsafe fn register(def: &'static ClassDef, parent: *mut zend_class_entry) -> *mut zend_class_entry {
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

/// The state of an object that [`instantiate`] made, or one known to be of that class.
pub(crate) fn object_state<T: Class>(zv: &Zval) -> &T {
    // SAFETY: callers pass objects of this class only, which never are of another kind.
    unsafe { state(zv.value.obj) }
}

/// `object` as a value: takes over a reference to it.
pub(crate) fn object_zval(object: *mut zend_object) -> Zval {
    let mut zv = Zval::new();
    zv.value.obj = object;
    zv.u1.type_info = IS_OBJECT_EX;
    zv
}

/// A fresh object, reference count 1.
pub(crate) fn instantiate<T: Class>() -> Zval {
    // SAFETY: the class is registered: handlers run after MINIT only.
    object_zval(unsafe { create::<T>(T::entry().get()) })
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
        (*object).handlers = T::entry().handlers.get().cast();
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

/// Makes a reference of PHP's out of a value: what `&$x` does with `$x`.
///
/// # Safety
/// `zv` points to a zval that nobody borrows.
unsafe fn refer(zv: *mut Zval) {
    // SAFETY: as above. The allocation, which may longjmp, comes first; a reference has one owner, this zval.
    unsafe {
        if (*zv).is_reference() {
            return;
        }
        let reference = emalloc(Layout::new::<zend_reference>()).cast::<zend_reference>();
        let mut made: zend_reference = zeroed();
        made.gc.refcount = 1;
        made.gc.u.type_info = GC_REFERENCE;
        reference.write(made);
        (&raw mut (*reference).val).write(zv.read());
        (*zv).value.ref_ = reference;
        (*zv).u1.type_info = IS_REFERENCE_EX;
    }
}

/// One zval of an object. Never borrowed while PHP code might run, as in [`Zvals`].
#[derive(Default)]
pub(crate) struct ZvalCell(UnsafeCell<Zval>);

impl ZvalCell {
    /// A second reference to what is there.
    pub(crate) fn get(&self) -> Zval {
        // SAFETY: one thread, and a look that runs no PHP code.
        unsafe { &*self.0.get() }.shallow_clone()
    }
    /// The same; where it is a reference of PHP's, what it refers to.
    pub(crate) fn value(&self) -> Zval {
        // SAFETY: as above.
        unsafe { &*self.0.get() }.dereference().shallow_clone()
    }
    /// What is there is a reference of PHP's from now on, and this is another to the same.
    pub(crate) fn reference(&self) -> Zval {
        // SAFETY: as above.
        unsafe { refer(self.0.get()) };
        self.get()
    }
    /// Gives out what was there.
    #[must_use = "drop it when nothing is borrowed: its destructor is PHP code"]
    pub(crate) fn replace(&self, zv: Zval) -> Zval {
        // SAFETY: as above.
        replace(unsafe { &mut *self.0.get() }, zv)
    }
    pub(crate) fn all(&self) -> *const [Zval] {
        std::ptr::slice_from_raw_parts(self.0.get(), 1)
    }
}

/// All zvals of an object, in one piece because get_gc can hand out just one slice. Slots stay
/// where they are. The list is never borrowed while PHP code might run: what leaves it is given to
/// the caller to drop.
pub(crate) struct Zvals {
    list: UnsafeCell<Vec<Zval>>,
    /// Slots of [`Zvals::add`] that are free again.
    free: UnsafeCell<Vec<usize>>,
}

impl Zvals {
    /// The first `n` slots, which are always there.
    pub(crate) fn new(n: usize) -> Self {
        Zvals { list: UnsafeCell::new((0..n).map(|_| Zval::new()).collect()), free: UnsafeCell::default() }
    }
    fn with<R>(&self, f: impl FnOnce(&mut Vec<Zval>, &mut Vec<usize>) -> R) -> R {
        // SAFETY: one thread, and no `f` here runs PHP code or comes back to this list.
        unsafe { f(&mut *self.list.get(), &mut *self.free.get()) }
    }
    pub(crate) fn all(&self) -> *const [Zval] {
        self.with(|list, _| &raw const list[..])
    }
    /// A second reference to what is there.
    pub(crate) fn get(&self, i: usize) -> Zval {
        self.with(|list, _| list[i].shallow_clone())
    }
    pub(crate) fn is_null(&self, i: usize) -> bool {
        self.with(|list, _| list[i].is_null())
    }
    /// What is there is a reference of PHP's from now on.
    pub(crate) fn refer(&self, i: usize) {
        // SAFETY: nobody borrows it, and nobody else looks at the list meanwhile.
        unsafe { refer(self.with(|list, _| &raw mut list[i])) };
    }
    /// Gives out what was there.
    #[must_use = "drop it when nothing is borrowed: its destructor is PHP code"]
    pub(crate) fn replace(&self, i: usize, zv: Zval) -> Zval {
        self.with(|list, _| replace(&mut list[i], zv))
    }
    /// Puts it into a place of its own.
    pub(crate) fn add(&self, zv: Zval) -> usize {
        self.with(|list, free| match free.pop() {
            Some(i) => {
                list[i] = zv; // null before
                i
            }
            None => {
                list.push(zv);
                list.len() - 1
            }
        })
    }
    /// Gives out what [`Zvals::add`] put in, and its slot up.
    #[must_use = "drop it when nothing is borrowed: its destructor is PHP code"]
    pub(crate) fn remove(&self, i: usize) -> Zval {
        self.with(|list, free| {
            free.push(i);
            replace(&mut list[i], Zval::new())
        })
    }
    /// The state of the object at `i`, which lives while it is listed.
    ///
    /// # Safety
    /// The object there is of `T`'s class, and stays listed for as long as the state is used.
    pub(crate) unsafe fn state<T: Class>(&self, i: usize) -> &T {
        // SAFETY: see above.
        self.with(|list, _| unsafe { state(list[i].value.obj) })
    }
    /// A copy without a reference of its own, for the argument array of a call: PHP counts what it
    /// passes on, and a longjmp loses nothing.
    pub(crate) fn lend(&self, i: usize) -> ManuallyDrop<Zval> {
        // SAFETY: a bitwise copy that is never dropped.
        self.with(|list, _| unsafe { ManuallyDrop::new((&raw const list[i]).read()) })
    }
}
