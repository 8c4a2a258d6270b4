//! The engine as a whole, and isolates.

use std::any::Any;
use std::cell::Cell;
use std::ffi::{c_void, CStr, CString};
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::rc::Rc;
use std::sync::Once;

use crate::callback::Callback;
use crate::ffi;
use crate::host::{Host, HostData, HOST};
use crate::scope::Scope;

/// What the process uses V8 for; it cannot do both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Run programs.
    Run,
    /// Make a snapshot, the same one each time: one thread, and no randomness.
    Snapshot,
}

/// Starts V8 with these flags (as `--name --name=value`). Later calls do nothing.
pub fn initialize(mode: Mode, flags: &str) {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let fixed = match mode {
            Mode::Run => "",
            // Native code of regular expressions would be in the snapshot, with addresses and the features of the CPU
            // that made it.
            Mode::Snapshot => "--predictable --random-seed=42 --regexp-interpret-all ",
        };
        let flags = CString::new(format!("{fixed}{flags}").replace('\0', " "))
            .expect("NUL bytes were replaced");
        // SAFETY: called once, with a NUL-terminated string that V8 copies.
        unsafe { ffi::pv8_initialize(flags.as_ptr(), mode == Mode::Snapshot) }
    });
}

/// V8's version.
pub fn version() -> &'static str {
    // SAFETY: V8 returns a NUL-terminated string of its own that is never freed.
    let version = unsafe { CStr::from_ptr(ffi::pv8_version()) };
    version.to_str().unwrap_or("unknown")
}

/// The addresses that a snapshot refers to by number: those of the callbacks, in an order that must be the same when
/// the snapshot is made and when it is used.
pub struct References(Vec<isize>);

impl References {
    /// The references for these callbacks.
    pub fn new(callbacks: impl IntoIterator<Item = Callback>) -> Self {
        let addresses = callbacks
            .into_iter()
            .map(|callback| callback.pointer() as usize as isize);
        References(addresses.chain([0]).collect())
    }
}

/// A snapshot that this V8 cannot use.
#[derive(Debug)]
pub struct InvalidSnapshot;

impl fmt::Display for InvalidSnapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the snapshot was not made by V8 {}", version())
    }
}

impl std::error::Error for InvalidSnapshot {}

/// A JavaScript heap with one context. It stays on the thread that made it.
pub struct Isolate {
    engine: *mut ffi::Engine,
    data: *mut HostData,
    alive: Rc<Cell<bool>>,
}

impl Isolate {
    /// Starts from `snapshot`, or from V8's own if there is none.
    ///
    /// # Panics
    /// If V8 was not [`initialize`]d.
    pub fn new(
        snapshot: Option<&'static [u8]>,
        references: &'static References,
        host: impl Host,
    ) -> Result<Self, InvalidSnapshot> {
        let blob = snapshot.unwrap_or(&[]);
        let size = blob.len().try_into().map_err(|_| InvalidSnapshot)?;
        let blob = snapshot.map_or(ptr::null(), <[u8]>::as_ptr);
        let references = references.0.as_ptr();
        // SAFETY: blob and references live for ever, the latter end with 0, and the data as long as the engine.
        let start = |data| unsafe { ffi::pv8_engine_new(blob, size, references, &HOST, data) };
        Isolate::start(host, start).ok_or(InvalidSnapshot)
    }

    /// Starts an isolate whose heap is to be frozen by [`Isolate::into_snapshot`].
    pub fn for_snapshot(references: &'static References, host: impl Host) -> Self {
        let references = references.0.as_ptr();
        // SAFETY: the references live for ever and end with 0, and the data lives as long as the engine.
        let start = |data| unsafe { ffi::pv8_engine_new_creator(references, &HOST, data) };
        Isolate::start(host, start).expect("V8's own snapshot is valid")
    }

    fn start(host: impl Host, start: impl FnOnce(*mut c_void) -> *mut ffi::Engine) -> Option<Self> {
        let alive = Rc::new(Cell::new(true));
        let data = Box::into_raw(Box::new(HostData {
            host: Box::new(host),
            alive: alive.clone(),
        }));
        let engine = start(data.cast());
        if engine.is_null() {
            // SAFETY: it came from `Box::into_raw` above, and no engine holds it.
            drop(unsafe { Box::from_raw(data) });
            return None;
        }
        Some(Isolate {
            engine,
            data,
            alive,
        })
    }

    /// Runs `body` in a fresh scope. Its handles cannot leave it.
    pub fn enter<R>(&self, body: impl for<'s> FnOnce(&Scope<'s>) -> R) -> R {
        struct Call<F, R> {
            isolate: *mut ffi::Isolate,
            body: Option<F>,
            result: Option<Result<R, Box<dyn Any + Send>>>,
        }
        unsafe extern "C" fn run<F: FnOnce(&Scope<'_>) -> R, R>(call: *mut c_void) {
            // SAFETY: the pointer is to `call` below, which is borrowed by nobody else now.
            let call = unsafe { &mut *call.cast::<Call<F, R>>() };
            // SAFETY: the shim entered isolate and context and opened a handle scope around this call.
            let scope = unsafe { Scope::from_isolate(call.isolate) };
            // A panic must not cross the C++ frames.
            call.result = call
                .body
                .take()
                .map(|body| panic::catch_unwind(AssertUnwindSafe(|| body(&scope))));
        }
        fn runner<F: FnOnce(&Scope<'_>) -> R, R>(_: &F) -> unsafe extern "C" fn(*mut c_void) {
            run::<F, R>
        }

        let run = runner::<_, R>(&body);
        let mut call = Call {
            // SAFETY: the engine lives as long as `self`.
            isolate: unsafe { ffi::pv8_engine_isolate(self.engine) },
            body: Some(body),
            result: None,
        };
        // SAFETY: `run` is the instance for the type of `call`, and is called before this returns.
        unsafe { ffi::pv8_engine_enter(self.engine, run, ptr::addr_of_mut!(call).cast()) };
        match call.result.expect("the shim calls the body") {
            Ok(result) => result,
            Err(payload) => panic::resume_unwind(payload),
        }
    }

    fn raw(&self) -> *mut ffi::Isolate {
        // SAFETY: the engine lives as long as `self`.
        unsafe { ffi::pv8_engine_isolate(self.engine) }
    }

    /// Runs microtasks until there are none.
    pub fn run_microtasks(&self) {
        // Within a scope, since a microtask's promise hooks make handles.
        // SAFETY: the isolate is alive and entered.
        self.enter(|scope| unsafe { ffi::pv8_isolate_run_microtasks(scope.isolate()) });
    }

    /// Runs one task that V8 posted for this thread, waiting for it if asked to, and says whether there was one.
    pub fn pump(&self, wait: bool) -> bool {
        // SAFETY: the isolate is alive and entered.
        self.enter(|scope| unsafe { ffi::pv8_isolate_pump(scope.isolate(), wait) })
    }

    /// Whether V8 works in the background on something that will post a task.
    pub fn has_background_tasks(&self) -> bool {
        // SAFETY: the isolate is alive.
        unsafe { ffi::pv8_isolate_has_background_tasks(self.raw()) }
    }

    /// Freezes the heap of an isolate made by [`Isolate::for_snapshot`]. Every [`Global`](crate::Global) outside of
    /// the host must be gone.
    pub fn into_snapshot(mut self) -> Vec<u8> {
        self.drop_host();
        // SAFETY: the engine was made for this, and no handle scope is open.
        let blob = unsafe { ffi::pv8_engine_create_blob(self.engine) };
        let size = usize::try_from(blob.size).expect("V8 gave a size");
        // SAFETY: V8 allocated `size` bytes, which are freed once, after the copy.
        unsafe {
            let copy = std::slice::from_raw_parts(blob.data.cast::<u8>(), size).to_vec();
            ffi::pv8_blob_free(blob.data);
            copy
        }
    }

    fn drop_host(&mut self) {
        let data = std::mem::replace(&mut self.data, ptr::null_mut());
        if !data.is_null() {
            // SAFETY: it came from `Box::into_raw`, is freed once, and no JavaScript runs any more.
            drop(unsafe { Box::from_raw(data) });
        }
    }
}

impl Drop for Isolate {
    fn drop(&mut self) {
        // The host's handles go first, while there is a heap to unhook them from.
        self.drop_host();
        self.alive.set(false);
        // SAFETY: made by this shim and disposed of once.
        unsafe { ffi::pv8_engine_dispose(self.engine) }
    }
}
