//! Functions that JavaScript calls and Rust runs.

use std::ffi::c_int;

use crate::ffi;
use crate::handle::Local;
use crate::scope::Scope;

pub use crate::ffi::CallbackInfo;

/// A Rust function in the shape that V8 calls, made by [`callback!`](crate::callback).
#[derive(Clone, Copy)]
pub struct Callback(ffi::FunctionCallback);

impl Callback {
    /// # Safety
    /// `pointer` does with its argument nothing but pass it to [`dispatch`].
    #[doc(hidden)]
    pub const unsafe fn new(pointer: unsafe extern "C" fn(*const CallbackInfo)) -> Self {
        Callback(pointer)
    }

    pub(crate) fn pointer(self) -> ffi::FunctionCallback {
        self.0
    }
}

/// The arguments of a call.
pub struct Args<'s> {
    info: *const CallbackInfo,
    _scope: std::marker::PhantomData<&'s ()>,
}

impl<'s> Args<'s> {
    /// Argument number `index`, `undefined` past the end.
    pub fn get(&self, index: u16) -> Local<'s> {
        // SAFETY: the call is still running; V8 checks the upper bound.
        unsafe { Local::from_slot(ffi::pv8_info_argument(self.info, c_int::from(index))) }
    }
}

/// Turns `fn(&Scope, &Args) -> Result<Local, Local>` into a [`Callback`]; the error is thrown.
#[macro_export]
macro_rules! callback {
    ($function:path) => {{
        unsafe extern "C" fn raw(info: *const $crate::CallbackInfo) {
            // SAFETY: V8 calls this with a valid `info`, within a handle scope of its own.
            unsafe { $crate::dispatch(info, $function) }
        }
        // SAFETY: `raw` only passes its argument on.
        unsafe { $crate::Callback::new(raw) }
    }};
}

/// Runs `function` for one call from JavaScript. A panic in it ends the process.
///
/// # Safety
/// `info` is what V8 passed to the callback that is running.
#[doc(hidden)]
pub unsafe fn dispatch<F>(info: *const CallbackInfo, function: F)
where
    F: for<'s> FnOnce(&Scope<'s>, &Args<'s>) -> Result<Local<'s>, Local<'s>>,
{
    // SAFETY: V8 opened a handle scope for the call and entered the isolate and context; the scope and arguments
    // cannot outlive the call, since `function` must work for every lifetime.
    let scope = unsafe { Scope::from_isolate(ffi::pv8_info_isolate(info)) };
    let args = Args {
        info,
        _scope: std::marker::PhantomData,
    };
    match function(&scope, &args) {
        // SAFETY: `info` is valid, the slot live.
        Ok(value) => unsafe { ffi::pv8_info_return(info, value.slot()) },
        Err(exception) => scope.throw(exception),
    }
}
