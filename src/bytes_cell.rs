//! Bytes that an object keeps and PHP copies. What is lent of them is never kept while PHP code runs.
use bytes::Bytes;
use std::cell::UnsafeCell;

/// Bytes of an object, or none. Unlike a RefCell it has no lock that a longjmp out of PHP's
/// allocator would leave locked.
#[derive(Default)]
pub(crate) struct BytesCell(UnsafeCell<Option<Bytes>>);

impl BytesCell {
    pub(crate) fn set(&self, bytes: impl Into<Option<Bytes>>) {
        // SAFETY: one thread, and nobody keeps what `get` lends across PHP code or another call.
        unsafe { *self.0.get() = bytes.into() };
    }
    /// To be copied at once: lent until PHP code runs or `set` is called.
    pub(crate) fn get(&self) -> Option<&[u8]> {
        // SAFETY: see `set`.
        unsafe { (*self.0.get()).as_deref() }
    }
    pub(crate) fn or_empty(&self) -> &[u8] {
        self.get().unwrap_or_default()
    }
}
