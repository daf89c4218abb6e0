//! addFunction(), register() and their kin: what a worker can do, and what is called for it.
//!
//! Owns the table of functions and the slots of their callables and contexts. Must never know how a job comes. Invariant: each
//! function of the table is an ability of the core's; the reverse does not hold, since register() takes no callable.
use crate::call::{Arg, Call, Str, args, handlers};
use crate::callback::{self, ByReference};
use crate::endpoint::Endpoint;
use crate::sys::exception_pending;
use crate::worker::{Worker, option};
use ext_php_rs::types::Zval;
use gearman_core::worker::protocol::Abilities;
use gearman_core::{Error, ReturnCode};
use std::cell::RefCell;
use std::collections::HashMap;

/// What is called, by the names of functions.
pub(crate) type Functions = RefCell<HashMap<Vec<u8>, Function>>;

/// Slots of the worker's.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    pub(super) callable: usize,
    pub(super) context: usize,
    pub(super) by_reference: ByReference,
}

impl Worker {
    fn set_function(
        &self,
        name: &[u8],
        callable: Zval,
        by_reference: ByReference,
        context: Zval,
        timeout: i64,
    ) -> Result<(), Error> {
        self.core.borrow_mut().abilities.add(name, milliseconds(timeout))?;
        let (callable, context) = (self.zvals.add(callable), self.zvals.add(context));
        if by_reference.context() {
            self.zvals.refer(context); // one and the same for every job, so that what is counted there stays
        }
        let function = Function { callable, context, by_reference };
        let replaced = self.functions.borrow_mut().insert(name.to_vec(), function);
        self.drop_function(replaced);
        self.has_changed();
        Ok(())
    }

    /// So that options() tells, and the servers are told.
    fn has_changed(&self) {
        self.rouse();
        self.common.options.set(self.common.options.get() | option::CHANGE);
    }

    fn drop_functions(&self, names: impl IntoIterator<Item = Vec<u8>>) {
        for name in names {
            let function = self.functions.borrow_mut().remove(&name);
            self.drop_function(function);
        }
        self.has_changed();
    }

    fn drop_function(&self, function: Option<Function>) {
        if let Some(function) = function {
            drop(self.zvals.remove(function.callable));
            drop(self.zvals.remove(function.context));
        }
    }

    /// Changes what the worker can do, and reports it.
    fn change_abilities(&self, call: Call, change: impl FnOnce(&mut Abilities) -> Result<(), Error>) -> bool {
        let changed = change(&mut self.core.borrow_mut().abilities);
        match changed {
            Ok(()) => {
                self.common.last_error.set(ReturnCode::Success);
                self.has_changed();
                call.returns(true);
                true
            }
            Err(error) => {
                self.common.last_error.fail(call, error);
                false
            }
        }
    }
}

/// PHP's seconds in the protocol's milliseconds; 0 and below: none.
fn milliseconds(seconds: i64) -> u64 {
    u64::try_from(seconds).map_or(0, |s| s.saturating_mul(1000))
}

handlers! {
    /// "z" for name and function: pecl warns where PHP's parser would convert or throw.
    fn add_function(call) {
        let (mut name, mut f, mut context, mut timeout) = (Arg::NULL, Arg::NULL, Arg::NULL, 0i64);
        let this = args!(call, Worker, "zz|zl", &mut name, &mut f, &mut context, &mut timeout);
        let refused = ReturnCode::InvalidArgument.number();
        let Some(name) = name.get().and_then(Zval::zend_str) else {
            return this.common.last_error.refuse(call, refused, "the function's name must be a string");
        };
        let Some(by_reference) = callback::parameters(f) else {
            // Autoloading may have thrown.
            if !exception_pending() {
                let text = format_args!("function {} is not callable", name.as_bytes().escape_ascii());
                this.common.last_error.refuse(call, refused, text);
            }
            return;
        };
        let set = this.set_function(name.as_bytes(), f.share(), by_reference, context.share(), timeout);
        this.common.last_error.end(call, set);
    }
    fn register(call) {
        let (mut name, mut timeout) = (Str::NULL, 0i64);
        let this = args!(call, Worker, "S|l", &mut name, &mut timeout);
        this.change_abilities(call, |abilities| abilities.add(name.or_empty(), milliseconds(timeout)));
    }
    fn unregister(call) {
        let mut name = Str::NULL;
        let this = args!(call, Worker, "S", &mut name);
        if this.change_abilities(call, |abilities| abilities.remove(name.or_empty())) {
            this.drop_functions([name.or_empty().to_vec()]);
        }
    }
    fn unregister_all(call) {
        let this = args!(call, Worker, "");
        if this.change_abilities(call, Abilities::clear) {
            let names: Vec<_> = this.functions.borrow().keys().cloned().collect();
            this.drop_functions(names);
        }
    }
}
