//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    pub(crate) command: Command,
    pub(crate) snapshot: bool,
    pub(crate) v8_flags: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Version,
    Info { json: bool },
    Run(Program),
}

/// A module to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// Stands in for the file's content.
    pub(crate) text: Option<String>,
    pub(crate) args: Vec<String>,
}

/// Reads the arguments that follow the program's name.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Invocation, String> {
    let mut arguments = arguments;
    let mut invocation = Invocation {
        command: Command::Help,
        snapshot: true,
        v8_flags: String::new(),
    };
    loop {
        let Some(argument) = arguments.next() else {
            return Err("no command given".to_owned());
        };
        let argument = text(argument)?;
        invocation.command = match argument.as_str() {
            "-h" | "--help" | "help" => Command::Help,
            "-V" | "--version" => Command::Version,
            "--no-snapshot" => {
                invocation.snapshot = false;
                continue;
            }
            "info" => info(arguments)?,
            "run" => run(arguments)?,
            "eval" => eval(arguments)?,
            other => {
                if let Some(flags) = other.strip_prefix("--v8-flags=") {
                    invocation.v8_flags = flags.to_owned();
                    continue;
                }
                let kind = if other.starts_with('-') {
                    "option"
                } else {
                    "command"
                };
                return Err(format!("unknown {kind} '{other}'"));
            }
        };
        return Ok(invocation);
    }
}

fn info(arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let mut json = false;
    for argument in arguments {
        match text(argument)?.as_str() {
            "--json" => json = true,
            other => return Err(format!("info does not take '{other}'")),
        }
    }
    Ok(Command::Info { json })
}

fn run(mut arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let path = arguments.next().ok_or("run needs a file")?;
    Ok(Command::Run(Program {
        path: path.into(),
        text: None,
        args: arguments.map(text).collect::<Result<_, _>>()?,
    }))
}

fn eval(mut arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let code = arguments.next().ok_or("eval needs code")?;
    Ok(Command::Run(Program {
        // Imports in the code are relative to the working directory.
        path: "$eval.js".into(),
        text: Some(text(code)?),
        args: arguments.map(text).collect::<Result<_, _>>()?,
    }))
}

fn text(argument: OsString) -> Result<String, String> {
    argument
        .into_string()
        .map_err(|argument| format!("argument {argument:?} is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Invocation, String> {
        super::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn options_of_the_program_are_left_alone() {
        let invocation = parse(&["--no-snapshot", "run", "main.js", "--help", "x"]).unwrap();
        assert!(!invocation.snapshot);
        let Command::Run(program) = invocation.command else {
            panic!("not a run");
        };
        assert_eq!(program.path, PathBuf::from("main.js"));
        assert_eq!(program.args, ["--help", "x"]);
    }

    #[test]
    fn eval_takes_code() {
        let Command::Run(program) = parse(&["eval", "1", "a"]).unwrap().command else {
            panic!("not a run");
        };
        assert_eq!(program.text.as_deref(), Some("1"));
        assert_eq!(program.args, ["a"]);
    }

    #[test]
    fn flags_for_v8() {
        let invocation = parse(&["--v8-flags=--jitless --x", "--version"]).unwrap();
        assert_eq!(invocation.v8_flags, "--jitless --x");
        assert_eq!(invocation.command, Command::Version);
    }

    #[test]
    fn mistakes_are_named() {
        for (arguments, hint) in [
            (&[][..], "no command"),
            (&["run"], "file"),
            (&["eval"], "code"),
            (&["rum"], "'rum'"),
            (&["--jsn"], "'--jsn'"),
            (&["info", "--yaml"], "--yaml"),
        ] {
            let message = parse(arguments).unwrap_err();
            assert!(message.contains(hint), "{message}");
        }
    }
}
