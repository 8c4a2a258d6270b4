//! ECMAScript modules.

use std::ptr;

use crate::ffi;
use crate::handle::{Local, Module, Promise, Str};
use crate::scope::{Scope, Thrown};

impl<'s> Local<'s, Module> {
    /// What the module imports statically, as written.
    pub fn requests(self, scope: &Scope<'s>) -> Vec<Local<'s, Str>> {
        // SAFETY: the slot is live, and the indices are within the count.
        unsafe {
            (0..ffi::pv8_module_request_count(self.slot()))
                .map(|index| {
                    Local::from_slot(ffi::pv8_module_request(scope.isolate(), self.slot(), index))
                })
                .collect()
        }
    }

    /// A number that identifies the module in its isolate.
    pub fn id(self) -> i32 {
        // SAFETY: the slot is live and holds a module with source text, the only kind there is here.
        unsafe { ffi::pv8_module_script_id(self.slot()) }
    }

    /// Links the module and what it imports.
    pub fn instantiate(self, scope: &Scope<'s>) -> Result<(), Thrown<'s>> {
        let mut thrown = ptr::null();
        // SAFETY: the slot is live; what was thrown is null or live.
        unsafe {
            if ffi::pv8_module_instantiate(scope.isolate(), self.slot(), &mut thrown) {
                Ok(())
            } else {
                Err(Thrown::from_slot(thrown))
            }
        }
    }

    /// Runs an instantiated module. The promise tells when it is done.
    pub fn evaluate(self, scope: &Scope<'s>) -> Result<Local<'s, Promise>, Thrown<'s>> {
        // SAFETY: the slot is live; with top-level await, as in this V8, the result is a promise.
        unsafe {
            scope.catch(|isolate, thrown| ffi::pv8_module_evaluate(isolate, self.slot(), thrown))
        }
    }

    /// The namespace of an instantiated module.
    pub fn namespace(self) -> Local<'s> {
        // SAFETY: the slot is live.
        unsafe { Local::from_slot(ffi::pv8_module_namespace(self.slot())) }
    }
}
