//! Runs the scripts in `tests/` at the workspace's root, from the snapshot and without it. Beside `NAME.js` lie
//! `NAME.out`, what it must print; and, where it matters, `NAME.err` for standard error, `NAME.code` for the exit code,
//! `NAME.args` for its arguments and `NAME.env` for variables, one on a line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests");

struct Script {
    name: String,
    path: PathBuf,
}

impl Script {
    /// The content of the file beside the script with this extension, empty if there is none.
    fn beside(&self, extension: &str) -> String {
        fs::read_to_string(self.path.with_extension(extension)).unwrap_or_default()
    }

    /// What went wrong.
    fn run(&self, options: &[&str]) -> Vec<String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pico"));
        command
            .args(options)
            .arg("run")
            .arg(format!("{}.js", self.name));
        command.args(self.beside("args").lines());
        for variable in self.beside("env").lines() {
            let (name, value) = variable.split_once('=').expect("NAME=VALUE");
            command.env(name, value);
        }
        let output = command
            .current_dir(DIRECTORY)
            .output()
            .expect("pico starts");
        let expected_code = self.beside("code").trim().parse().unwrap_or(0);
        let checks = [
            (
                "code",
                format!("{:?}", Some(expected_code)),
                format!("{:?}", output.status.code()),
            ),
            (
                "out",
                self.beside("out"),
                String::from_utf8_lossy(&output.stdout).into_owned(),
            ),
            (
                "err",
                self.beside("err"),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ),
        ];
        let wrong = checks
            .iter()
            .filter(|(_, expected, actual)| expected != actual);
        wrong
            .map(|(what, expected, actual)| {
                let name = &self.name;
                format!("{name}.{what} {options:?}\n--- expected\n{expected}\n--- actual\n{actual}")
            })
            .collect()
    }
}

fn scripts() -> Vec<Script> {
    let entries = fs::read_dir(Path::new(DIRECTORY)).expect("tests/ is there");
    let paths = entries.map(|entry| entry.expect("tests/ can be listed").path());
    let mut scripts: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "js"))
        .map(|path| Script {
            name: path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            path,
        })
        .collect();
    scripts.sort_by(|left, right| left.name.cmp(&right.name));
    scripts
}

fn run_all(options: &[&str]) {
    let scripts = scripts();
    assert!(scripts.len() > 10, "only {} scripts", scripts.len());
    let failures: Vec<_> = scripts
        .iter()
        .flat_map(|script| script.run(options))
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
