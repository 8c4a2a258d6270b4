//! The part of V8 that Pico uses.
//!
//! V8 is the one inside Debian's libnode, reached over a thin C++ shim. The Rust side is safe to use: handles carry the
//! lifetime of the scope they live in ([`Local`]), those that outlive it are [`Global`]s tied to their [`Isolate`], and
//! whatever can throw returns a [`Thrown`].

mod callback;
mod ffi;
mod handle;
mod host;
mod isolate;
mod message;
mod module;
mod promise;
mod scope;
mod value;

pub use callback::{dispatch, Args, Callback, CallbackInfo};
pub use handle::{
    Array, ArrayBuffer, Boolean, Boxed, Bytes, Date, Function, Global, Kind, Local, Map, Module,
    NativeError, Nullish, Number, Object, Promise, Proxy, RegExp, Resolver, Set, Str, TypedArray,
    Value,
};
pub use host::{Host, Rejection};
pub use isolate::{initialize, version, InvalidSnapshot, Isolate, Mode, References};
pub use message::Message;
pub use promise::PromiseState;
pub use scope::{Scope, StringTooLong, Thrown};
