//! Standard output and error.

use std::io::{self, Write};

use pico_v8::{Args, Boolean, Scope};

use super::{string_argument, Outcome};

/// `print(text, toStderr)`. Nobody is told if the other end is gone: programs do not expect logging to fail.
pub(super) fn print<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    let text = string_argument(scope, args, 0, "text")?;
    let to_stderr = args.get(1).cast::<Boolean>().is_some_and(|flag| flag.get());
    let _ = if to_stderr {
        io::stderr().write_all(text.as_bytes())
    } else {
        io::stdout().write_all(text.as_bytes())
    };
    Ok(scope.undefined())
}
