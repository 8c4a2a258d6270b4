//! The command line, seen from outside.

use std::process::{Command, Output};

fn app(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deno-core-app"));
    command
        .args(arguments)
        .output()
        .expect("deno-core-app starts")
}

fn stdout(arguments: &[&str]) -> String {
    let output = app(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn version_and_help() {
    let version = format!("deno-core-app {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(stdout(&["--version"]), version);
    assert!(stdout(&["--help"]).contains("Usage: deno-core-app"));
}

#[test]
fn wrong_usage_is_2_and_says_why() {
    let output = app(&["rum"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let message = "error: unknown command 'rum'\nTry 'deno-core-app --help'.\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), message);
}

#[test]
fn eval_runs_code_with_arguments() {
    let code = "console.log(await 6 * 7, App.args)";
    assert_eq!(stdout(&["eval", code, "x"]), "42 [ \"x\" ]\n");
}

#[test]
fn info_tells_what_the_heap_was_made_for() {
    let with = stdout(&["info", "--json"]);
    let without = stdout(&["--no-snapshot", "info", "--json"]);
    assert!(with.contains("\"used\":true"), "{with}");
    assert!(without.contains("\"used\":false"), "{without}");
    for report in [with, without] {
        assert!(report.contains("\"v8\":\"13.7."), "{report}");
        assert!(report.contains("-linux-gnu\""), "{report}");
    }
}

#[test]
fn runs_differ_though_the_snapshot_is_always_the_same() {
    let random = || stdout(&["eval", "console.log(Math.random())"]);
    assert_ne!(random(), random());
}
