//! Values of PHP's that an object keeps, where the cycle collector and a longjmp find them.
//!
//! Owns those values. Must never know what they are for. Invariants: they are never borrowed while PHP code might run, and
//! what leaves is given to the caller to drop, since its destructor is PHP code; slots stay where they are.
use crate::object::{Class, state};
use ext_php_rs::alloc::emalloc;
use ext_php_rs::ffi::{IS_REFERENCE, IS_REFERENCE_EX, zend_reference};
use ext_php_rs::types::Zval;
use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::mem::{ManuallyDrop, replace, zeroed};

/// A reference as PHP's headers define it (zend_types.h): its type, and that the collector does not begin there.
const GC_REFERENCE: u32 = IS_REFERENCE | 1 << 4;

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

/// One zval of an object.
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

/// All zvals of an object, in one piece because get_gc can hand out just one slice.
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
    /// Puts it into a slot of its own.
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
