//! The command line.

use std::ffi::OsString;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    pub(crate) command: Command,
    pub(crate) snapshot: bool,
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
    pub(crate) source: Source,
    pub(crate) args: Vec<String>,
}

/// Where the main module comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file, relative to the working directory.
    File(String),
    /// The text itself.
    Text(String),
}

/// Reads the arguments that follow the program's name.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Invocation, String> {
    let mut arguments = arguments
        .map(|argument| {
            argument
                .into_string()
                .map_err(|argument| format!("argument {argument:?} is not UTF-8"))
        })
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .peekable();
    let snapshot = arguments.next_if_eq("--no-snapshot").is_none();
    let first = arguments.next().ok_or("no command given")?;
    let command = match first.as_str() {
        "-h" | "--help" | "help" => Command::Help,
        "-V" | "--version" => Command::Version,
        "info" => info(arguments)?,
        "run" => Command::Run(Program {
            source: Source::File(arguments.next().ok_or("run needs a file")?),
            args: arguments.collect(),
        }),
        "eval" => Command::Run(Program {
            source: Source::Text(arguments.next().ok_or("eval needs code")?),
            args: arguments.collect(),
        }),
        option if option.starts_with('-') => return Err(format!("unknown option '{option}'")),
        command => return Err(format!("unknown command '{command}'")),
    };
    Ok(Invocation { command, snapshot })
}

fn info(mut arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let json = match arguments.next().as_deref() {
        None => false,
        Some("--json") => true,
        Some(other) => return Err(format!("info does not take '{other}'")),
    };
    Ok(Command::Info { json })
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
        let expected = Program {
            source: Source::File("main.js".into()),
            args: vec!["--help".into(), "x".into()],
        };
        assert_eq!(invocation.command, Command::Run(expected));
    }

    #[test]
    fn eval_takes_code() {
        let expected = Program {
            source: Source::Text("1".into()),
            args: vec!["a".into()],
        };
        assert_eq!(
            parse(&["eval", "1", "a"]).unwrap().command,
            Command::Run(expected)
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (arguments, message) in [
            (&[][..], "no command given"),
            (&["run"], "run needs a file"),
            (&["eval"], "eval needs code"),
            (&["rum"], "unknown command 'rum'"),
            (&["--jsn"], "unknown option '--jsn'"),
            (&["info", "--yaml"], "info does not take '--yaml'"),
        ] {
            assert_eq!(parse(arguments).unwrap_err(), message);
        }
    }
}
