//! Pico's runtime.
//!
//! The operations that JavaScript cannot do itself are Rust functions ([`ops`]); the API that programs see is
//! JavaScript (`js/`), run once when the heap is set up, which is best done at build time and frozen into a snapshot.
//! [`Runtime`] starts from that snapshot, or from the same JavaScript without one.

mod blocking;
mod bootstrap;
mod error;
mod event_loop;
mod loader;
mod modules;
pub mod ops;
mod runtime;
#[cfg(feature = "snapshotting")]
pub mod snapshot;
pub mod specifier;
mod state;
mod timers;

pub use bootstrap::Source;
pub use error::{Error, JsError};
pub use pico_v8::version as v8_version;
pub use runtime::{Options, Runtime, Startup};

/// The version of the runtime, and of all packages of this workspace.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
