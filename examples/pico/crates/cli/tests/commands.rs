//! The command line, seen from outside.

use std::process::{Command, Output};

fn pico(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pico"));
    command.args(arguments).output().expect("pico starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn version_and_help() {
    let version = pico(&["--version"]);
    assert!(version.status.success());
    assert_eq!(
        stdout(&version),
        format!("pico {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert!(stdout(&pico(&["--help"])).contains("Usage: pico"));
}

#[test]
fn wrong_usage_is_2_and_says_why() {
    for (arguments, hint) in [
        (&[][..], "no command given"),
        (&["rum"], "unknown command 'rum'"),
        (&["--snapshot", "run"], "unknown option '--snapshot'"),
        (&["run"], "run needs a file"),
    ] {
        let output = pico(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(hint), "{}", stderr(&output));
        assert!(stdout(&output).is_empty());
    }
}

#[test]
fn a_file_that_is_not_there() {
    let output = pico(&["run", "no/such/file.js"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no/such/file.js"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn eval_runs_code_with_arguments() {
    let output = pico(&["eval", "console.log(await 6 * 7, Pico.args)", "x"]);
    assert_eq!(stdout(&output), "42 [ \"x\" ]\n");
    assert!(output.status.success());
}

#[test]
fn info_tells_what_the_heap_was_made_for() {
    let with = stdout(&pico(&["info", "--json"]));
    let without = stdout(&pico(&["--no-snapshot", "info", "--json"]));
    assert!(without.contains("\"used\":false"), "{without}");
    let target = format!("\"target\":\"{}\"", pico_snapshot::TARGET);
    for report in [with, without] {
        assert!(
            report.starts_with('{') && report.ends_with("}\n"),
            "{report}"
        );
        assert!(report.contains(&target), "{report}");
        assert!(report.contains("\"v8\":\"10.2."), "{report}");
    }
}

#[test]
fn runs_differ_though_the_snapshot_is_always_the_same() {
    let random = || stdout(&pico(&["eval", "console.log(Math.random())"]));
    assert_ne!(random(), random());
}
