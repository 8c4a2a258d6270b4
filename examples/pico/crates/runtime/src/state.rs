//! What a runtime keeps beside its heap, and its answers to V8.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use pico_v8::{Global, Host, Local, Module, Object, Promise, Rejection, Resolver, Scope, Str};

use crate::blocking::{JobId, Worker};
use crate::modules::{ModuleMap, PendingImport};
use crate::specifier;
use crate::timers::Timers;

/// Looks up a module that comes with the runtime, by its specifier.
pub(crate) type LazySources = fn(&str) -> Option<&'static str>;

/// A rejected promise that nobody has listened to yet, and why it was rejected.
pub(crate) struct Unhandled {
    promise: Global<Promise>,
    pub(crate) reason: Global,
}

pub(crate) struct State {
    pub(crate) args: Vec<String>,
    pub(crate) started: Instant,
    pub(crate) exit: Cell<Option<i32>>,
    pub(crate) timers: RefCell<Timers>,
    pub(crate) worker: Worker,
    pub(crate) waiting: RefCell<HashMap<JobId, Global<Resolver>>>,
    pub(crate) modules: RefCell<ModuleMap>,
    pub(crate) imports: RefCell<Vec<PendingImport>>,
    /// An error that `reportError` was called with, which ends the program.
    pub(crate) reported: RefCell<Option<Global>>,
    pub(crate) unhandled: RefCell<Vec<Unhandled>>,
    pub(crate) lazy: LazySources,
}

impl State {
    pub(crate) fn new(args: Vec<String>, lazy: LazySources) -> Self {
        State {
            args,
            started: Instant::now(),
            exit: Cell::new(None),
            timers: RefCell::new(Timers::new()),
            worker: Worker::new(),
            waiting: RefCell::default(),
            modules: RefCell::default(),
            imports: RefCell::default(),
            reported: RefCell::default(),
            unhandled: RefCell::default(),
            lazy,
        }
    }

    /// The state of the runtime that `scope` belongs to.
    pub(crate) fn of<'a>(scope: &'a Scope<'_>) -> &'a State {
        let host = scope.host().as_any();
        host.downcast_ref()
            .expect("every isolate of this crate has a State for host")
    }

    /// Stops waiting for somebody to handle this promise's rejection.
    pub(crate) fn forget_rejection<'s>(&self, scope: &Scope<'s>, promise: Local<'s, Promise>) {
        let mut unhandled = self.unhandled.borrow_mut();
        unhandled.retain(|entry| !entry.promise.open(scope).value().same(promise.value()));
    }
}

impl Host for State {
    fn resolve_module<'s>(
        &self,
        scope: &Scope<'s>,
        specifier: Local<'s, Str>,
        referrer: Local<'s, Module>,
    ) -> Option<Local<'s, Module>> {
        let modules = self.modules.borrow();
        modules.imported_by(scope, referrer, &specifier.to_rust(scope))
    }

    fn import_dynamically<'s>(
        &self,
        scope: &Scope<'s>,
        specifier: Local<'s, Str>,
        referrer: Local<'s>,
    ) -> Option<Local<'s, Promise>> {
        let resolver = scope.resolver().ok()?;
        let referrer = referrer.cast::<Str>();
        self.imports.borrow_mut().push(PendingImport {
            specifier: specifier.to_rust(scope),
            referrer: referrer.map_or_else(String::new, |name| name.to_rust(scope)),
            resolver: Global::new(scope, resolver),
        });
        Some(resolver.promise())
    }

    fn init_import_meta<'s>(
        &self,
        scope: &Scope<'s>,
        module: Local<'s, Module>,
        meta: Local<'s, Object>,
    ) {
        let modules = self.modules.borrow();
        let Some(name) = modules.name(module) else {
            return;
        };
        if let Ok(url) = scope.string(name) {
            meta.define(scope, scope.name("url"), url.value());
        }
        let path = specifier::to_path(name);
        let path = path.as_deref();
        for (key, path) in [("filename", path), ("dirname", path.and_then(Path::parent))] {
            let Some(path) = path.map(Path::to_string_lossy) else {
                continue;
            };
            if let Ok(path) = scope.string(&path) {
                meta.define(scope, scope.name(key), path.value());
            }
        }
        let main = scope.boolean(modules.is_main(name));
        meta.define(scope, scope.name("main"), main.value());
    }

    fn promise_rejected<'s>(
        &self,
        scope: &Scope<'s>,
        event: Rejection,
        promise: Local<'s, Promise>,
        reason: Local<'s>,
    ) {
        match event {
            Rejection::Unhandled => self.unhandled.borrow_mut().push(Unhandled {
                promise: Global::new(scope, promise),
                reason: Global::new(scope, reason),
            }),
            Rejection::HandledLater => self.forget_rejection(scope, promise),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
