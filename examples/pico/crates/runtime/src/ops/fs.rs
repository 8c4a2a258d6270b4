//! Files. Each operation exists twice: done at once, or on the worker thread behind a promise.

use std::fs;
use std::io;

use pico_v8::{Args, Global, Scope};

use super::{string_argument, Failure, Outcome};
use crate::blocking::Output;
use crate::state::State;

pub(super) fn read_text_sync<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    let path = string_argument(scope, args, 0, "path")?;
    Ok(scope.string(&load_text(&path)?)?.value())
}

pub(super) fn read_text<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    let path = string_argument(scope, args, 0, "path")?;
    later(scope, move || load_text(&path).map(Output::Text))
}

pub(super) fn read_sync<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    let path = string_argument(scope, args, 0, "path")?;
    Ok(scope.bytes(&load(&path)?).value())
}

pub(super) fn read<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    let path = string_argument(scope, args, 0, "path")?;
    later(scope, move || load(&path).map(Output::Bytes))
}

pub(super) fn write_text_sync<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    let path = string_argument(scope, args, 0, "path")?;
    let text = string_argument(scope, args, 1, "text")?;
    store(&path, &text)?;
    Ok(scope.undefined())
}

pub(super) fn write_text<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    let path = string_argument(scope, args, 0, "path")?;
    let text = string_argument(scope, args, 1, "text")?;
    later(scope, move || store(&path, &text).map(|()| Output::Nothing))
}

pub(super) fn remove_sync<'s>(scope: &Scope<'s>, args: &Args<'s>) -> Outcome<'s> {
    let path = string_argument(scope, args, 0, "path")?;
    fs::remove_file(&path).map_err(|error| failure(&error, "remove", &path))?;
    Ok(scope.undefined())
}

/// Does `job` on the worker thread; the promise settles with what it yields.
fn later<'s>(
    scope: &Scope<'s>,
    job: impl FnOnce() -> Result<Output, Failure> + Send + 'static,
) -> Outcome<'s> {
    let state = State::of(scope);
    let Ok(resolver) = scope.resolver() else {
        return Ok(scope.undefined()); // execution is being terminated
    };
    let id = state.worker.submit(job);
    let waiting = Global::new(scope, resolver);
    state.waiting.borrow_mut().insert(id, waiting);
    Ok(resolver.promise().value())
}

fn load(path: &str) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| failure(&error, "read", path))
}

fn load_text(path: &str) -> Result<String, Failure> {
    let bytes = load(path)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn store(path: &str, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| failure(&error, "write", path))
}

fn failure(error: &io::Error, action: &str, path: &str) -> Failure {
    let (code, reason) = match error.kind() {
        io::ErrorKind::NotFound => ("ENOENT", "no such file or directory"),
        io::ErrorKind::PermissionDenied => ("EACCES", "permission denied"),
        io::ErrorKind::AlreadyExists => ("EEXIST", "file exists"),
        io::ErrorKind::IsADirectory => ("EISDIR", "is a directory"),
        io::ErrorKind::NotADirectory => ("ENOTDIR", "not a directory"),
        io::ErrorKind::InvalidInput => ("EINVAL", "invalid path"),
        _ => return Failure::error(format!("Cannot {action} {path}: {error}")).with_code("EIO"),
    };
    Failure::error(format!("Cannot {action} {path}: {reason}")).with_code(code)
}
