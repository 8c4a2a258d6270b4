//! Setting up a context: the operations, then the JavaScript that makes an API of them.

use pico_v8::{Function, Local, Object, Scope, Thrown};

use crate::error::Error;
use crate::ops::OPS;

/// A file of JavaScript.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its name in stack traces, and to `import` if it is a module.
    pub specifier: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// What the parameter of every bootstrap file is called: the object that they share, which programs never see.
const PARAMETER: &str = "internals";

/// Runs the bootstrap files, in order, each as a function of the shared object. That object, with the operations in
/// it, stays reachable in the context's slot.
pub(crate) fn run<'s>(
    scope: &Scope<'s>,
    sources: &[Source<'_>],
    target: &str,
) -> Result<(), Error> {
    let internals = scope.object();
    let define = |name, value| internals.define(scope, scope.name(name), value);
    define("ops", ops(scope).value());
    define("target", scope.string(target)?.value());
    define("version", scope.name(crate::VERSION).value());
    scope.set_context_slot(internals.value());

    let parameter = scope.name(PARAMETER);
    for source in sources {
        let name = scope.string(source.specifier)?;
        let text = scope.string(source.text)?;
        scope
            .compile_function(name, text, parameter)
            .and_then(|function| function.call(scope, &[internals.value()]))
            .map_err(|thrown| Error::from_thrown(scope, thrown, None))?;
    }
    Ok(())
}

fn ops<'s>(scope: &Scope<'s>) -> Local<'s, Object> {
    let object = scope.object();
    for op in OPS {
        let name = scope.name(op.name);
        object.define(scope, name, scope.function(name, op.callback).value());
    }
    object
}

/// What the bootstrap files left under `name` in their shared object.
pub(crate) fn internal<'s>(scope: &Scope<'s>, name: &'static str) -> Result<Local<'s>, Error> {
    let missing = || Error::Other(format!("the runtime's JavaScript has no {name}"));
    let internals = scope.context_slot().cast::<Object>().ok_or_else(missing)?;
    internals
        .get(scope, scope.name(name))
        .map_err(|thrown: Thrown<'s>| Error::from_thrown(scope, thrown, None))
}

/// As [`internal`], for a function.
pub(crate) fn internal_function<'s>(
    scope: &Scope<'s>,
    name: &'static str,
) -> Result<Local<'s, Function>, Error> {
    let value = internal(scope, name)?;
    value
        .cast()
        .ok_or_else(|| Error::Other(format!("the runtime's {name} is no function")))
}
