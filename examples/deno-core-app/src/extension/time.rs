//! The clock, and waiting for it.

use std::time::Duration;

use deno_core::{op2, OpState};

use super::Surroundings;

/// Milliseconds since the runtime started.
#[op2(fast)]
pub(super) fn op_app_now(state: &OpState) -> f64 {
    state
        .borrow::<Surroundings>()
        .started
        .elapsed()
        .as_secs_f64()
        * 1e3
}

/// A promise that is fulfilled after so many milliseconds.
#[op2(async)]
pub(super) async fn op_app_sleep(#[smi] milliseconds: u32) {
    tokio::time::sleep(Duration::from_millis(milliseconds.into())).await;
}
