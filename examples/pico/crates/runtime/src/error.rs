//! Errors that end a program, and how they look on the terminal.

use std::fmt;

use pico_v8::{Local, Message, NativeError, Object, Scope, Str, StringTooLong, Thrown};

use crate::bootstrap;
use crate::specifier;

/// Why a program could not be started or did not end well.
#[derive(Debug)]
pub enum Error {
    /// JavaScript threw, and nobody caught it.
    Js(JsError),
    /// The program asked to exit with this code.
    Exit(i32),
    /// Anything else, in words.
    Other(String),
}

impl Error {
    /// The error that `thrown` amounts to. `exit` is the exit code the program asked for, if it did.
    pub(crate) fn from_thrown<'s>(
        scope: &Scope<'s>,
        thrown: Thrown<'s>,
        exit: Option<i32>,
    ) -> Self {
        match (thrown, exit) {
            (_, Some(code)) => Error::Exit(code),
            (Thrown::Exception(exception), None) => Error::Js(JsError::new(scope, exception)),
            (Thrown::Terminated, None) => Error::Other("execution was terminated".to_owned()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Js(error) => error.fmt(formatter),
            Error::Exit(code) => write!(formatter, "the program exited with code {code}"),
            Error::Other(message) => formatter.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

impl From<StringTooLong> for Error {
    fn from(error: StringTooLong) -> Self {
        Error::Other(error.to_string())
    }
}

/// An uncaught exception.
#[derive(Debug)]
pub struct JsError {
    message: Message,
    in_promise: bool,
    /// What the error's own `stack` says, if it is an error and has one.
    stack: Option<String>,
}

impl JsError {
    pub(crate) fn new<'s>(scope: &Scope<'s>, exception: Local<'s>) -> Self {
        let mut message = scope.describe(exception);
        if let Some(text) = inspect(scope, exception) {
            message.text = text;
        }
        JsError {
            message,
            in_promise: false,
            stack: stack(scope, exception),
        }
    }

    pub(crate) fn in_promise(mut self) -> Self {
        self.in_promise = true;
        self
    }

    /// What was thrown, in words. An error's stack begins with its name and message, as the error itself gives them.
    fn headline(&self) -> &str {
        match &self.stack {
            Some(stack) => stack.split("\n    at ").next().unwrap_or(stack),
            None => {
                let text = &self.message.text;
                text.strip_prefix("Uncaught ").unwrap_or(text)
            }
        }
    }

    /// The stack's lines, where `stack` has any.
    fn frames(&self) -> impl Iterator<Item = &str> {
        let stack = self.stack.as_deref().unwrap_or_default();
        stack.lines().filter(|line| line.starts_with("    at "))
    }
}

impl fmt::Display for JsError {
    /// Headline, the line of source with the place marked, and the frames; files below the working directory are
    /// named relative to it, and frames of the runtime's own JavaScript are left out.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = if self.in_promise { " (in promise)" } else { "" };
        write!(formatter, "Uncaught{origin} {}", self.headline())?;
        let names = specifier::Display::new();
        if let (Some(resource), Some(line)) = (&self.message.resource, &self.message.source_line) {
            if !specifier::is_internal(resource) && line.len() < 200 {
                write!(
                    formatter,
                    "\n{line}\n{}",
                    underline(line, &self.message.columns)
                )?;
            }
        }
        let mut any = false;
        for frame in self.frames().filter(|frame| !specifier::is_internal(frame)) {
            write!(formatter, "\n{}", names.shorten(frame))?;
            any = true;
        }
        match &self.message.resource {
            Some(resource) if !any && !specifier::is_internal(resource) => write!(
                formatter,
                "\n    at {}:{}:{}",
                names.shorten(resource),
                self.message.line,
                self.message.columns.start + 1
            ),
            _ => Ok(()),
        }
    }
}

/// Blanks up to the place, keeping tabs, then the marks. Columns count UTF-16 units.
fn underline(line: &str, columns: &std::ops::Range<u32>) -> String {
    let (mut column, mut marks) = (0, String::new());
    for character in line.chars() {
        if column >= columns.start.max(1) && column >= columns.end {
            break;
        }
        marks.push(match character {
            _ if column >= columns.start => '^',
            '\t' => '\t',
            _ => ' ',
        });
        column += u32::try_from(character.len_utf16()).unwrap_or(1);
    }
    if !marks.ends_with('^') {
        marks.push('^');
    }
    marks
}

/// `exception.stack`, if it is a native error with a string there. A getter that throws is as good as none.
fn stack<'s>(scope: &Scope<'s>, exception: Local<'s>) -> Option<String> {
    exception.cast::<NativeError>()?;
    let stack = exception.cast::<Object>()?.get(scope, scope.name("stack"));
    let stack = stack.ok()?.cast::<Str>()?.to_rust(scope);
    (!stack.is_empty()).then_some(stack)
}

/// An object that is no error, as the console would show it; V8 says no more than `#<Object>`.
fn inspect<'s>(scope: &Scope<'s>, exception: Local<'s>) -> Option<String> {
    if !exception.is::<Object>() || exception.is::<NativeError>() {
        return None;
    }
    let inspect = bootstrap::internal_function(scope, "inspect").ok()?;
    let text = inspect.call(scope, &[exception]).ok()?;
    Some(text.cast::<Str>()?.to_rust(scope))
}

#[cfg(test)]
mod tests {
    use super::underline;

    #[test]
    fn underline_marks_the_columns() {
        assert_eq!(underline("  throw x;", &(2..7)), "  ^^^^^");
        assert_eq!(underline("\tx", &(1..2)), "\t^");
    }

    #[test]
    fn underline_counts_utf16_units() {
        assert_eq!(underline("'😀' x", &(5..6)), "    ^");
    }

    #[test]
    fn underline_of_the_end_of_the_line() {
        assert_eq!(underline("f(", &(2..2)), "  ^");
        assert_eq!(underline("", &(0..0)), "^");
    }
}
