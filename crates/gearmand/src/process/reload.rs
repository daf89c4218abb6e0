//! What SIGHUP reads anew: each part says what it does then. Knows none of them.

use std::sync::{Arc, Mutex, PoisonError};

type Part = Box<dyn Fn() + Send>;

/// All parts, in the order in which they came.
#[derive(Clone, Default)]
pub(crate) struct Reload(Arc<Mutex<Vec<Part>>>);

impl Reload {
    /// One more. What goes wrong then, it logs itself.
    pub(crate) fn add(&self, part: impl Fn() + Send + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(part));
    }

    /// Reads all of them anew.
    pub(crate) fn all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|part| part());
    }
}
