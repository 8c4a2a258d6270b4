"""Prebuilds in ``releases.toml``: what is taken, and what is refused with which words."""

from __future__ import annotations

import tomllib

import pytest

from pipeline.errors import SpecError
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.spec.prebuilds import ExecutableSpec, NodeAddonSpec
from pipeline.model.spec.reader import parse_spec

ADDON = """
schema = 1
[prebuilds.a]
kind = "node-addon"
source = { kind = "npm", package = "a", version = "1.0.0" }
"""
PROGRAM = """
schema = 1
[prebuilds.a]
kind = "executable"
source = { kind = "path", path = "a" }
build = [["make"]]
programs = { a = "a" }
"""


def problems(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse_spec(tomllib.loads(text))
    return caught.value.details.splitlines()


def test_what_is_not_said_has_a_default() -> None:
    addon = parse_spec(tomllib.loads(ADDON)).prebuilds["a"]
    assert isinstance(addon, NodeAddonSpec)
    assert (addon.targets, addon.libcs, addon.cxx) == (("amd64", "arm64", "armhf"), (Libc.GLIBC, Libc.MUSL), True)
    program = parse_spec(tomllib.loads(PROGRAM + 'probe = { args = ["-V"], exit-code = 41 }')).prebuilds["a"]
    assert isinstance(program, ExecutableSpec)
    assert program.probe
    assert program.probe.probe().exit_code == 41


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("gypargs = []", "prebuilds.a.gypargs: unknown key; did you mean 'gyp-arguments'?"),
        ('targets = ["s390x"]', "prebuilds.a: prebuilds are made for amd64, arm64, armhf, not for s390x"),
        (
            'compiler = "clang"',
            "prebuilds.a: 'compiler' \"clang\" knows no musl; leave it out, or \"musl\" out of 'libcs'",
        ),
        ('gyp-arguments = ["rm"]', "prebuilds.a: 'gyp-arguments' are options such as '--force_build=1', not 'rm'"),
        ('name = "x.musl"', "prebuilds.a.name: 'x.musl' has a part between dots that is read as a tag"),
        ('addon = "../x.node"', "prebuilds.a.addon: '../x.node' must be a relative path that stays inside the tree"),
        ('build = [["make"]]', "prebuilds.a.build: unknown key"),
    ],
)
def test_mistakes_of_addons(line: str, problem: str) -> None:
    found = problems(ADDON + line)
    assert any(text.strip().startswith(problem) for text in found), found


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('[["make"]]', "[]", "prebuilds.a.build"),
        ('{ a = "a" }', '{ a = "/bin/a" }', "prebuilds.a.programs.a: '/bin/a' must be a relative path"),
        ('"executable"', '"executible"', "prebuilds.a.kind: there is no kind 'executible'; did you mean 'executable'?"),
        ('kind = "path", path = "a"', 'kind = "npm", package = "a"', "prebuilds.a.source.version: is missing"),
    ],
)
def test_mistakes_of_programs(old: str, new: str, problem: str) -> None:
    found = problems(PROGRAM.replace(old, new))
    assert any(text.strip().startswith(problem) for text in found), found
