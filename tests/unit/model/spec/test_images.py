"""Images in ``releases.toml``: what is refused, and with which words."""

from __future__ import annotations

import tomllib

import pytest

from pipeline.errors import SpecError
from pipeline.model.spec.images import ImageSpec
from pipeline.model.spec.reader import parse_spec

RUNTIME = 'schema = 1\n[runtimes.app]\nsource = { kind = "path", path = "app" }\n[runtimes.app.image]\n'
PLACE = "runtimes.app.image"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("repositories = ['Registry/App']", "repositories: 'Registry/App' cannot be the name of a repository"),
        ("repositories = ['a/b:tag']", "repositories: 'a/b:tag' cannot be the name of a repository"),
        ("commands = ['run', '-x', 'a)']", "commands: '-x', 'a)' cannot be a command of the program"),
        ("directories = ['data', '/a/../b']", "directories: 'data', '/a/../b' cannot be a directory of an image"),
        ('env = { A = "a\\nb", "B C" = "" }', "env: 'A', 'B C' cannot be a variable with a value of one line"),
        ("bases = { scratch = 'x' }", "bases: 'scratch' has no base: that is what it means"),
        ("bases = { debian = 'x y' }", "bases: 'x y' cannot be the name of an image"),
        ("variants = ['debian', 'debian']", "a variant is given more than once"),
        ("user = 'Root'", "user: must match pattern '^[a-z_][a-z0-9_-]{0,31}$', not 'Root'"),
        ("user-id = 0", "user-id: must be greater than or equal to 1, not 0"),
    ],
)
def test_one_mistake(line: str, problem: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(tomllib.loads(f"{RUNTIME}{line}\n"), file_name="releases.toml")
    separator = "." if ":" in problem.split(" ", maxsplit=1)[0] else ": "
    assert f"{PLACE}{separator}{problem}" in str(caught.value)


def test_what_is_taken() -> None:
    spec = ImageSpec(repositories=("localhost:5000/a/b_c", "app"), bases={"debian": "example.org:5000/debian:12"})
    assert (spec.base("debian"), spec.base("alpine"), spec.base("scratch")) == (
        "example.org:5000/debian:12", "alpine:3.20", None,
    )  # fmt: skip
