//! What JavaScript cannot find out about values, or cannot be sure of.

use pico_v8::{
    Args, Array, ArrayBuffer, Boxed, Date, Function, Global, Local, Map, NativeError, Promise,
    PromiseState, Proxy, RegExp, Scope, Set, TypedArray,
};

use super::{Failure, Outcome};
use crate::state::State;

/// `classify(value)`: which built-in class an object is of, whatever its prototype pretends.
pub(super) fn classify<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    Ok(scope.name(class_of(args.get(0))).value())
}

fn class_of(value: Local<'_>) -> &'static str {
    match value {
        // First, for a proxy of an array or function passes for one.
        value if value.is::<Proxy>() => "Proxy",
        value if value.is::<Function>() => "Function",
        value if value.is::<Array>() => "Array",
        value if value.is::<NativeError>() => "Error",
        value if value.is::<Map>() => "Map",
        value if value.is::<Set>() => "Set",
        value if value.is::<Promise>() => "Promise",
        value if value.is::<TypedArray>() => "TypedArray",
        value if value.is::<ArrayBuffer>() => "ArrayBuffer",
        value if value.is::<Date>() => "Date",
        value if value.is::<RegExp>() => "RegExp",
        value if value.is::<Boxed>() => "Boxed",
        _ => "Object",
    }
}

/// `promiseDetails(promise)`: `[state, result]`.
pub(super) fn promise_details<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    let promise = args
        .get(0)
        .cast::<Promise>()
        .ok_or_else(|| Failure::type_error("not a promise"))?;
    let (state, result) = match promise.state() {
        PromiseState::Pending => ("pending", scope.undefined()),
        PromiseState::Fulfilled(value) => ("fulfilled", value),
        PromiseState::Rejected(reason) => ("rejected", reason),
    };
    Ok(scope.array(&[scope.name(state).value(), result]).value())
}

/// `reportError(error)`: ends the program with this error, as if nobody had caught it.
pub(super) fn report_error<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    let error = Global::new(scope, args.get(0));
    State::of(scope).reported.borrow_mut().get_or_insert(error);
    Ok(scope.undefined())
}
