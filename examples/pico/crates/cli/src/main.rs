//! `pico`: runs JavaScript.

mod args;
mod info;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use pico_runtime::{specifier, Error, Options, Runtime};

use args::{Command, Invocation, Program};

const HELP: &str = "\
Pico runs JavaScript.

Usage: pico [OPTIONS] COMMAND

Commands:
  run FILE [ARGS]...   run a module
  eval CODE [ARGS]...  run code given on the command line
  info [--json]        say what this program is made of

Options:
  --no-snapshot        start from the JavaScript sources instead of the snapshot
  --v8-flags=FLAGS     pass flags to V8
  -h, --help           say this
  -V, --version        say which version this is

Exit codes: 0 success, 1 the program failed, 2 the command line is wrong; or the code given to Pico.exit.
";

/// The program failed.
const FAILURE: u8 = 1;
/// The command line is wrong.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments = env::args_os().skip(1);
    let code = match args::parse(arguments) {
        Ok(invocation) => execute(invocation),
        Err(message) => {
            complain(&format!("{message}\nTry 'pico --help'."));
            USAGE
        }
    };
    ExitCode::from(code)
}

fn execute(invocation: Invocation) -> u8 {
    let result = match invocation.command {
        Command::Help => say(HELP),
        Command::Version => say(&format!("pico {}\n", pico_runtime::VERSION)),
        Command::Info { json } => start(&invocation, Vec::new())
            .and_then(|runtime| info::report(&runtime, invocation.snapshot, json))
            .and_then(|report| say(&report)),
        Command::Run(ref program) => run(&invocation, program),
    };
    match result {
        Ok(()) => 0,
        Err(Error::Exit(code)) => u8::try_from(code).unwrap_or(FAILURE),
        Err(error) => {
            complain(&error.to_string());
            FAILURE
        }
    }
}

fn run(invocation: &Invocation, program: &Program) -> Result<(), Error> {
    let mut runtime = start(invocation, program.args.clone())?;
    let name = specifier::from_path(&program.path);
    runtime.run(&name, program.text.as_deref())
}

fn start(invocation: &Invocation, args: Vec<String>) -> Result<Runtime, Error> {
    Runtime::new(Options {
        startup: pico_snapshot::startup(invocation.snapshot),
        args,
        lazy_sources: pico_snapshot::lazy_source,
        v8_flags: invocation.v8_flags.clone(),
    })
}

fn say(text: &str) -> Result<(), Error> {
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Error::Other(format!("cannot write: {error}")))
}

/// If even this fails, the exit code must do.
fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "error: {message}");
}
