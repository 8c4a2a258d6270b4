"""The command line: verbs to typed values, and the one place where errors become messages and exit codes."""
