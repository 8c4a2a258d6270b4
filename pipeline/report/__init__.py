"""How what happens is shown: on a terminal, in a log, or not at all; and the closing tables of a build."""
