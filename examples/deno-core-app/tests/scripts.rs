//! Runs the scripts beside this file, from the snapshot and without it. Beside `NAME.js` lie `NAME.out`, what it must
//! print; and, where it matters, `NAME.err` for standard error (`$TESTS` is this directory), `NAME.code` for the exit
//! code, `NAME.args` for its arguments and `NAME.env` for variables, one on a line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

/// The content of the file beside the script with this extension, empty if there is none.
fn beside(script: &Path, extension: &str) -> String {
    fs::read_to_string(script.with_extension(extension)).unwrap_or_default()
}

fn scripts() -> Vec<PathBuf> {
    let entries = fs::read_dir(DIRECTORY).expect("tests/ is there");
    let paths = entries.map(|entry| entry.expect("tests/ can be listed").path());
    let mut scripts: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "js"))
        .collect();
    scripts.sort();
    scripts
}

/// What went wrong, or nothing.
fn run(script: &Path, options: &[&str]) -> Option<String> {
    let name = script.file_name().unwrap_or_default();
    let mut command = Command::new(env!("CARGO_BIN_EXE_deno-core-app"));
    command
        .current_dir(DIRECTORY)
        .args(options)
        .arg("run")
        .arg(name);
    command.args(beside(script, "args").lines());
    for variable in beside(script, "env").lines() {
        let (name, value) = variable.split_once('=').expect("NAME=VALUE");
        command.env(name, value);
    }
    let output = command.output().expect("deno-core-app starts");
    let expected = (
        Some(beside(script, "code").trim().parse().unwrap_or(0)),
        beside(script, "out"),
        beside(script, "err").replace("$TESTS", DIRECTORY),
    );
    let actual = (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    (expected != actual)
        .then(|| format!("{name:?} {options:?}\nexpected {expected:#?}\nactual {actual:#?}"))
}

fn run_all(options: &[&str]) {
    let scripts = scripts();
    assert!(scripts.len() > 10, "only {} scripts", scripts.len());
    let failures: Vec<_> = scripts
        .iter()
        .filter_map(|script| run(script, options))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn from_the_snapshot() {
    run_all(&[]);
}

#[test]
fn from_the_sources() {
    run_all(&["--no-snapshot"]);
}
