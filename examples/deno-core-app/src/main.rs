//! `deno-core-app`: runs JavaScript.

mod args;
mod extension;
mod info;
mod runtime;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use args::{Command, Invocation};

const HELP: &str = "\
deno-core-app runs JavaScript.

Usage: deno-core-app [--no-snapshot] COMMAND

Commands:
  run FILE [ARGS]...   run a module
  eval CODE [ARGS]...  run code given on the command line
  info [--json]        say what this program is made of

Options:
  --no-snapshot        start from the JavaScript sources instead of the snapshot
  -h, --help           say this
  -V, --version        say which version this is

Exit codes: 0 success, 1 the program failed, 2 the command line is wrong; or the code given to App.exit.
";

/// The program failed.
const FAILURE: u8 = 1;
/// The command line is wrong.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    match args::parse(env::args_os().skip(1)) {
        Err(message) => fail(&format!("{message}\nTry 'deno-core-app --help'."), USAGE),
        Ok(invocation) => match execute(invocation) {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => fail(&message, FAILURE),
        },
    }
}

fn execute(invocation: Invocation) -> Result<(), String> {
    let snapshot = invocation.snapshot;
    match invocation.command {
        Command::Help => say(HELP),
        Command::Version => say(&format!("deno-core-app {}\n", env!("CARGO_PKG_VERSION"))),
        Command::Info { json } => say(&info::report(snapshot, json)?),
        Command::Run(program) => runtime::run(program, snapshot),
    }
}

fn say(text: &str) -> Result<(), String> {
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(|error| format!("cannot write: {error}"))
}

fn fail(message: &str, code: u8) -> ExitCode {
    // If even this fails, the exit code must do.
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::from(code)
}
