//! The process and its surroundings.

use std::env;

use pico_v8::{Args, Number, Scope};

use super::{string_argument, Failure, Outcome};
use crate::state::State;

/// `args()`: the program's arguments.
pub(super) fn args<'s>(scope: &Scope<'s>, _: &Args<'s>) -> Outcome<'s> {
    string_array(scope, State::of(scope).args.iter().map(String::as_str))
}

/// `cwd()`
pub(super) fn cwd<'s>(scope: &Scope<'s>, _: &Args<'s>) -> Outcome<'s> {
    let directory = env::current_dir().map_err(|error| Failure::error(error.to_string()))?;
    Ok(scope.string(&directory.to_string_lossy())?.value())
}

/// `getEnv(name)`: the variable, or `undefined`.
pub(super) fn get_env<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    let name = string_argument(scope, args, 0, "name")?;
    // No variable has such a name, and the standard library panics on some of them.
    if name.is_empty() || name.contains(['=', '\0']) {
        return Ok(scope.undefined());
    }
    match env::var_os(name) {
        Some(value) => Ok(scope.string(&value.to_string_lossy())?.value()),
        None => Ok(scope.undefined()),
    }
}

/// `envNames()`: the names of all variables, sorted.
pub(super) fn env_names<'s>(scope: &Scope<'s>, _: &Args<'s>) -> Outcome<'s> {
    let mut names: Vec<_> = env::vars_os()
        .map(|(name, _)| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    string_array(scope, names.iter().map(String::as_str))
}

/// `exit(code)`: asks for the end. JavaScript stops at its next loop or call.
pub(super) fn exit<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    // A process has eight bits for its code.
    let code = args
        .get(0)
        .cast::<Number>()
        .map_or(0, |code| code.get() as i32 & 0xff);
    State::of(scope).exit.set(Some(code));
    scope.terminate();
    Ok(scope.undefined())
}

fn string_array<'s, 'a>(scope: &Scope<'s>, items: impl Iterator<Item = &'a str>) -> Outcome<'s> {
    let items: Result<Vec<_>, _> = items
        .map(|item| Ok::<_, Failure>(scope.string(item)?.value()))
        .collect();
    Ok(scope.array(&items?).value())
}
