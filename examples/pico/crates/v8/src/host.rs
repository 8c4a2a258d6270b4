//! What V8 asks of its embedder.

use std::any::Any;
use std::cell::Cell;
use std::ptr;
use std::rc::Rc;

use crate::ffi::{self, Slot};
use crate::handle::{Local, Module, Object, Promise, Str};
use crate::scope::Scope;

/// The embedder's side of an isolate.
pub trait Host: Any {
    /// The module that `referrer` means by `specifier`, which was loaded before. `None` is a broken promise of the
    /// embedder's and makes the import fail.
    fn resolve_module<'s>(
        &self,
        scope: &Scope<'s>,
        specifier: Local<'s, Str>,
        referrer: Local<'s, Module>,
    ) -> Option<Local<'s, Module>>;

    /// `import(specifier)` in the script called `referrer`. `None` only while execution is being terminated.
    fn import_dynamically<'s>(
        &self,
        scope: &Scope<'s>,
        specifier: Local<'s, Str>,
        referrer: Local<'s>,
    ) -> Option<Local<'s, Promise>>;

    /// Fills `import.meta`.
    fn init_import_meta<'s>(
        &self,
        scope: &Scope<'s>,
        module: Local<'s, Module>,
        meta: Local<'s, Object>,
    );

    /// A promise was rejected and nobody listens, or somebody listens after all.
    fn promise_rejected<'s>(
        &self,
        scope: &Scope<'s>,
        event: Rejection,
        promise: Local<'s, Promise>,
        reason: Local<'s>,
    );

    /// Itself, so that the embedder's own callbacks find their state in [`Scope::host`].
    fn as_any(&self) -> &dyn Any;
}

/// What happened to a rejected promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// It was rejected without a handler.
    Unhandled,
    /// It got a handler afterwards.
    HandledLater,
}

/// What the isolate's data slot points at.
pub(crate) struct HostData {
    pub(crate) host: Box<dyn Host>,
    pub(crate) alive: Rc<Cell<bool>>,
}

pub(crate) static HOST: ffi::Host = ffi::Host {
    resolve_module,
    import_dynamically,
    init_import_meta,
    promise_rejected,
};

// Each of these is called by the shim with the isolate entered, a handle scope open and live slots of the right kind;
// `'s` ends with the call. A panic in one ends the process.

unsafe extern "C" fn resolve_module(
    isolate: *mut ffi::Isolate,
    specifier: Slot,
    referrer: Slot,
) -> Slot {
    // SAFETY: see above.
    let (scope, specifier, referrer) = unsafe {
        (
            Scope::from_isolate(isolate),
            Local::from_slot(specifier),
            Local::from_slot(referrer),
        )
    };
    let module = scope.host().resolve_module(&scope, specifier, referrer);
    module.map_or(ptr::null(), Local::slot)
}

unsafe extern "C" fn import_dynamically(
    isolate: *mut ffi::Isolate,
    specifier: Slot,
    referrer: Slot,
) -> Slot {
    // SAFETY: see above.
    let (scope, specifier, referrer) = unsafe {
        (
            Scope::from_isolate(isolate),
            Local::from_slot(specifier),
            Local::from_slot(referrer),
        )
    };
    let promise = scope.host().import_dynamically(&scope, specifier, referrer);
    promise.map_or(ptr::null(), Local::slot)
}

unsafe extern "C" fn init_import_meta(isolate: *mut ffi::Isolate, module: Slot, meta: Slot) {
    // SAFETY: see above.
    let (scope, module, meta) = unsafe {
        (
            Scope::from_isolate(isolate),
            Local::from_slot(module),
            Local::from_slot(meta),
        )
    };
    scope.host().init_import_meta(&scope, module, meta);
}

unsafe extern "C" fn promise_rejected(
    isolate: *mut ffi::Isolate,
    handler_added: bool,
    promise: Slot,
    reason: Slot,
) {
    // SAFETY: see above.
    let (scope, promise, reason) = unsafe {
        (
            Scope::from_isolate(isolate),
            Local::from_slot(promise),
            Local::from_slot(reason),
        )
    };
    let event = if handler_added {
        Rejection::HandledLater
    } else {
        Rejection::Unhandled
    };
    scope
        .host()
        .promise_rejected(&scope, event, promise, reason);
}
