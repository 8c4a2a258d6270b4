//! The process and what it was built for.

use std::time::Instant;

use deno_core::serde::Serialize;
use deno_core::{op2, OpState};

/// What the operations know beside their arguments.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// The triple that this program, and the snapshot with it, was built for.
    target: String,
    args: Vec<String>,
    pub(super) started: Instant,
}

impl Surroundings {
    /// A process that starts now.
    pub(crate) fn new(target: String, args: Vec<String>) -> Self {
        Surroundings {
            target,
            args,
            started: Instant::now(),
        }
    }
}

/// What `App.build` holds. It is asked for once, while the snapshot is made, so it tells what the heap was made for.
#[derive(Debug, Serialize)]
#[serde(crate = "deno_core::serde")]
pub(super) struct Build {
    target: String,
    version: &'static str,
    v8: &'static str,
}

#[op2]
#[serde]
pub(super) fn op_app_build(state: &OpState) -> Build {
    Build {
        target: state.borrow::<Surroundings>().target.clone(),
        version: env!("CARGO_PKG_VERSION"),
        v8: deno_core::v8::VERSION_STRING,
    }
}

#[op2]
#[serde]
pub(super) fn op_app_args(state: &OpState) -> Vec<String> {
    state.borrow::<Surroundings>().args.clone()
}

/// The variable, or `null`. What is not UTF-8 gets replacement characters.
#[op2]
#[string]
pub(super) fn op_app_env(#[string] name: &str) -> Option<String> {
    // No variable has such a name, and the standard library panics on some of them.
    if name.is_empty() || name.contains(['=', '\0']) {
        return None;
    }
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// The end, at once.
#[op2(fast)]
pub(super) fn op_app_exit(#[smi] code: i32) {
    // A process has eight bits for its code.
    std::process::exit(code & 0xff);
}
