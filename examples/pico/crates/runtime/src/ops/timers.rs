//! Timers and the clock.

use std::time::Duration;

use pico_v8::{Args, Boolean, Number, Scope};

use super::Outcome;
use crate::state::State;

/// The longest delay, as in browsers; what is longer counts as nothing.
const MAX_DELAY: f64 = 2_147_483_647.0;

/// `startTimer(milliseconds, repeat)`: the timer's id.
pub(super) fn start<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    let milliseconds = args
        .get(0)
        .cast::<Number>()
        .map_or(0.0, |delay| delay.get());
    let milliseconds = if (0.0..=MAX_DELAY).contains(&milliseconds) {
        milliseconds
    } else {
        0.0
    };
    let repeat = args.get(1).cast::<Boolean>().is_some_and(|flag| flag.get());
    let delay = Duration::from_secs_f64(milliseconds / 1e3);
    let id = State::of(scope).timers.borrow_mut().start(delay, repeat);
    Ok(scope.number(f64::from(id)).value())
}

/// `stopTimer(id)`
pub(super) fn stop<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    if let Some(id) = args.get(0).cast::<Number>() {
        // Saturating: what is no id at all becomes one that is not in use.
        State::of(scope).timers.borrow_mut().stop(id.get() as u32);
    }
    Ok(scope.undefined())
}

/// `now()`: milliseconds since the runtime started.
pub(super) fn now<'s>(scope: &Scope<'s>, _: &Args<'s>) -> Outcome<'s> {
    let elapsed = State::of(scope).started.elapsed();
    Ok(scope.number(elapsed.as_secs_f64() * 1e3).value())
}
