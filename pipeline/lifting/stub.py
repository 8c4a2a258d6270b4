"""The program that stands in for a lifted build script.

It uses the standard library only and compiles with Rust 1.70 and later in every edition, with any lint that a
package may forbid. Cargo compiles it for the host like any other build script, runs it with the true
environment, directory and ``OUT_DIR``, and it hands all of that to the snapshot step.
"""

from __future__ import annotations

RUN_STEP_VARIABLE = "SNAPSTITCH_RUN_STEP"
"""Names the program that the stub starts, with the package's name and version as arguments."""
STUB_FILE_NAME = "snapstitch_stub.rs"
"""The stem must be a valid crate name: Cargo names the build script after it."""

_SOURCE = """\
//! Stands in for a build script that has to run on the target: hands over to the program that
//! `@VARIABLE@` names, which runs it, writes down what it is to be run with, or has its result.

fn main() {
    let step = match std::env::var_os("@VARIABLE@") {
        Some(step) => step,
        None => {
            eprintln!(
                "error: the build script of {} {} has been moved to the target machine, and @VARIABLE@, \\
                 which names the program that runs it there, is not set",
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_VERSION")
            );
            std::process::exit(1)
        }
    };
    let outcome = std::process::Command::new(&step)
        .arg(env!("CARGO_PKG_NAME"))
        .arg(env!("CARGO_PKG_VERSION"))
        .status();
    match outcome {
        Ok(status) => std::process::exit(exit_code(status)),
        Err(error) => {
            eprintln!("error: cannot start {}: {}", std::path::Path::new(&step).display(), error);
            std::process::exit(1)
        }
    }
}

fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}
"""


def stub_source() -> str:
    """Return the Rust source of the stub."""
    return _SOURCE.replace("@VARIABLE@", RUN_STEP_VARIABLE)
