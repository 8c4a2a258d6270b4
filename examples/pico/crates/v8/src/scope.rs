//! Where handles live, and how exceptions come out of V8.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::rc::Rc;

use crate::ffi::{self, Slot};
use crate::handle::Local;
use crate::host::{Host, HostData};

/// An open handle scope, with the isolate and its context entered.
pub struct Scope<'s> {
    isolate: *mut ffi::Isolate,
    /// Invariant, so that handles of one scope cannot pass for those of another.
    _brand: PhantomData<Cell<&'s ()>>,
}

/// Why JavaScript did not return.
#[derive(Clone, Copy)]
pub enum Thrown<'s> {
    /// It threw this.
    Exception(Local<'s>),
    /// Its execution was terminated.
    Terminated,
}

/// V8 cannot hold a string of this size.
#[derive(Clone, Copy, Debug)]
pub struct StringTooLong {
    /// Bytes of UTF-8.
    pub size: usize,
}

impl fmt::Display for StringTooLong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "a string of {} bytes is too long for V8",
            self.size
        )
    }
}

impl std::error::Error for StringTooLong {}

impl<'s> Scope<'s> {
    /// # Safety
    /// `isolate` is alive and entered with its context, and a handle scope stays open for `'s`.
    pub(crate) unsafe fn from_isolate(isolate: *mut ffi::Isolate) -> Self {
        Scope {
            isolate,
            _brand: PhantomData,
        }
    }

    pub(crate) fn isolate(&self) -> *mut ffi::Isolate {
        self.isolate
    }

    fn data(&self) -> &HostData {
        // SAFETY: the isolate's data slot holds its `HostData` as long as JavaScript can run.
        unsafe { &*ffi::pv8_isolate_data(self.isolate).cast::<HostData>() }
    }

    pub(crate) fn alive(&self) -> Rc<Cell<bool>> {
        self.data().alive.clone()
    }

    /// The host that the isolate was given.
    pub fn host(&self) -> &dyn Host {
        &*self.data().host
    }

    /// Stops the JavaScript that runs now, as soon as it reaches a loop or a call.
    pub fn terminate(&self) {
        // SAFETY: the isolate is alive.
        unsafe { ffi::pv8_isolate_terminate(self.isolate) }
    }

    /// Makes the callback that is running throw when it returns.
    pub(crate) fn throw(&self, exception: Local<'s>) {
        // SAFETY: the isolate is entered, and the slot is live.
        unsafe { ffi::pv8_isolate_throw(self.isolate, exception.slot()) }
    }

    /// Runs `body`, which returns an empty handle when it throws.
    ///
    /// # Safety
    /// What `body` returns is null or a live slot of kind `T` in this scope.
    pub(crate) unsafe fn catch<T>(
        &self,
        body: impl FnOnce(*mut ffi::Isolate, *mut Slot) -> Slot,
    ) -> Result<Local<'s, T>, Thrown<'s>> {
        let mut thrown: Slot = ptr::null();
        let result = body(self.isolate, &mut thrown);
        // SAFETY: the caller vouches for the result; the shim for what was thrown.
        unsafe { Local::from_nullable(result).ok_or_else(|| Thrown::from_slot(thrown)) }
    }
}

impl Thrown<'_> {
    /// # Safety
    /// `slot` is null or a live slot of a value.
    pub(crate) unsafe fn from_slot(slot: Slot) -> Self {
        // SAFETY: the caller vouches for it.
        match unsafe { Local::from_nullable(slot) } {
            Some(exception) => Thrown::Exception(exception),
            None => Thrown::Terminated,
        }
    }
}
