//! The operations: what JavaScript cannot do itself.
//!
//! Each is a function of a scope and the call's arguments. Snapshots refer to them by their place in [`OPS`], so the
//! program that makes a snapshot and the one that uses it must have the same table.

mod fs;
mod inspect;
mod io;
mod os;
mod text;
mod timers;

use std::fmt;
use std::sync::OnceLock;

use pico_v8::{callback, Args, Callback, Local, Object, References, Scope, Str, StringTooLong};

/// An operation.
pub struct Op {
    /// Its name in JavaScript.
    pub name: &'static str,
    pub(crate) callback: Callback,
}

impl fmt::Debug for Op {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

macro_rules! ops {
    ($($name:ident = $function:path;)*) => {
        /// All operations, in the order that snapshots know them by.
        pub static OPS: &[Op] = &[$(Op {
            name: stringify!($name),
            callback: {
                fn op<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Result<Local<'s>, Local<'s>> {
                    $function(scope, args).map_err(|failure| failure.into_exception(scope))
                }
                callback!(op)
            },
        }),*];
    };
}

ops! {
    print = io::print;
    classify = inspect::classify;
    promiseDetails = inspect::promise_details;
    reportError = inspect::report_error;
    startTimer = timers::start;
    stopTimer = timers::stop;
    now = timers::now;
    encodeUtf8 = text::encode;
    decodeUtf8 = text::decode;
    readTextFileSync = fs::read_text_sync;
    readTextFile = fs::read_text;
    readFileSync = fs::read_sync;
    readFile = fs::read;
    writeTextFileSync = fs::write_text_sync;
    writeTextFile = fs::write_text;
    removeSync = fs::remove_sync;
    args = os::args;
    cwd = os::cwd;
    getEnv = os::get_env;
    envNames = os::env_names;
    exit = os::exit;
}

/// What snapshots refer to: the operations, in order.
pub(crate) fn references() -> &'static References {
    static REFERENCES: OnceLock<References> = OnceLock::new();
    REFERENCES.get_or_init(|| References::new(OPS.iter().map(|op| op.callback)))
}

/// Why an operation failed; JavaScript gets it as an exception.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: Option<&'static str>,
    type_error: bool,
}

impl Failure {
    /// An `Error`.
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Failure {
            message: message.into(),
            code: None,
            type_error: false,
        }
    }

    /// A `TypeError`: the caller's mistake.
    pub(crate) fn type_error(message: impl Into<String>) -> Self {
        Failure {
            type_error: true,
            ..Failure::error(message)
        }
    }

    /// Gives the error a `code` that programs can compare.
    pub(crate) fn with_code(self, code: &'static str) -> Self {
        Failure {
            code: Some(code),
            ..self
        }
    }

    pub(crate) fn into_exception<'s>(self, scope: &Scope<'s>) -> Local<'s> {
        let message = scope
            .string(&self.message)
            .unwrap_or_else(|_| scope.name("an error too long to tell"));
        let error = scope.error(message, self.type_error).value();
        if let (Some(code), Some(object)) = (self.code, error.cast::<Object>()) {
            object.define(scope, scope.name("code"), scope.name(code).value());
        }
        error
    }
}

impl From<StringTooLong> for Failure {
    fn from(error: StringTooLong) -> Self {
        Failure::error(error.to_string())
    }
}

type Outcome<'s> = Result<Local<'s>, Failure>;

/// Argument number `index` as a string; nothing else is taken for one.
fn string_argument<'s>(
    scope: &Scope<'s>,
    args: &Args<'s>,
    index: u16,
    name: &str,
) -> Result<String, Failure> {
    match args.get(index).cast::<Str>() {
        Some(string) => Ok(string.to_rust(scope)),
        None => Err(Failure::type_error(format!("{name} must be a string"))),
    }
}

#[cfg(test)]
mod tests {
    use super::OPS;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique() {
        let names: HashSet<_> = OPS.iter().map(|op| op.name).collect();
        assert_eq!(names.len(), OPS.len());
    }
}
