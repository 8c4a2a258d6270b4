//! Promises.

use crate::ffi;
use crate::handle::{Local, Promise, Resolver};
use crate::scope::{Scope, Thrown};

/// How far a promise has come.
#[derive(Clone, Copy)]
pub enum PromiseState<'s> {
    /// Not settled.
    Pending,
    /// Fulfilled with this.
    Fulfilled(Local<'s>),
    /// Rejected with this.
    Rejected(Local<'s>),
}

impl<'s> Scope<'s> {
    /// A new promise's resolver. Fails only while execution is being terminated.
    pub fn resolver(&self) -> Result<Local<'s, Resolver>, Thrown<'s>> {
        // SAFETY: a context is entered; the shim returns a resolver or nothing.
        unsafe { self.catch(|isolate, _| ffi::pv8_resolver(isolate)) }
    }
}

impl<'s> Local<'s, Resolver> {
    /// The promise that this settles.
    pub fn promise(self) -> Local<'s, Promise> {
        // SAFETY: the slot is live.
        unsafe { Local::from_slot(ffi::pv8_resolver_promise(self.slot())) }
    }

    /// Fulfils the promise, or rejects it.
    pub fn settle(self, scope: &Scope<'s>, outcome: Result<Local<'s>, Local<'s>>) {
        let (fulfil, value) = match outcome {
            Ok(value) => (true, value),
            Err(reason) => (false, reason),
        };
        // SAFETY: the slots are live.
        unsafe { ffi::pv8_resolver_settle(scope.isolate(), self.slot(), fulfil, value.slot()) }
    }
}

impl<'s> Local<'s, Promise> {
    /// Its state now.
    pub fn state(self) -> PromiseState<'s> {
        // SAFETY: the slot is live; only a settled promise is asked for its result.
        unsafe {
            let result = || Local::from_slot(ffi::pv8_promise_result(self.slot()));
            match ffi::pv8_promise_state(self.slot()) {
                0 => PromiseState::Pending,
                1 => PromiseState::Fulfilled(result()),
                _ => PromiseState::Rejected(result()),
            }
        }
    }

    /// Keeps a rejection from being reported as unhandled.
    pub fn mark_handled(self) {
        // SAFETY: the slot is live.
        unsafe { ffi::pv8_promise_mark_handled(self.slot()) }
    }
}
