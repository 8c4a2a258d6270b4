"""Entries that appear in releases.toml while all else stays as it was."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pipeline.errors import SpecError
from pipeline.model.spec.edit import with_versions
from pipeline.model.spec.reader import parse_spec
from pipeline.model.sync import NewVersion

ROOT = Path(__file__).parents[4]
SPEC = """\
# The top.
schema = 1

[runtimes.app]   # ours
source = { kind = "registry", package = "app", version = "1.0.0" }
features = [
    "b",  # first
    "a",
]

# About the next one.
[runtimes.other]
source = { kind = "path", path = "other" }"""


def new(version: str = "1.1.0", runtime: str = "app", *obstacles: str, rust: str | None = None) -> NewVersion:
    return NewVersion(
        runtime=runtime, version=version, vm_crate="v8", vm_version="137.2.1", rust=rust, obstacles=obstacles
    )


def added(before: str, after: str) -> list[str]:
    """The lines that are new; all others are there as they were, in their order."""
    kept, lines = before.splitlines(), []
    for line in after.splitlines():
        if kept and kept[0] == line:
            kept.pop(0)
        else:
            lines.append(line)
    assert kept == []
    return lines


def test_the_first_version_of_a_runtime_stands_behind_its_table() -> None:
    after = with_versions(SPEC, [new(rust="1.95")])
    assert [line for line in added(SPEC, after) if line] == [
        "# Found by `sync`: v8 137.2.1.", "[[runtimes.app.versions]]", 'version = "1.1.0"', "buildable = true",
        'rust = "1.95"',
    ]  # fmt: skip
    assert after.index("[[runtimes.app.versions]]") < after.index("# About the next one.")
    described = parse_spec(tomllib.loads(after)).runtimes["app"].versions
    assert [(item.version, item.buildable, item.rust) for item in described] == [("1.1.0", True, "1.95")]


def test_further_ones_stand_behind_the_last_and_why_not_is_told() -> None:
    once = with_versions(SPEC, [new()])
    twice = with_versions(once, [new("1.2.0", "app", "for arm64: no archive\n[runtimes.evil]"), new("1.3.0")])
    assert [item.version for item in parse_spec(tomllib.loads(twice)).runtimes["app"].versions] == [
        "1.1.0", "1.2.0", "1.3.0",
    ]  # fmt: skip
    assert "# Not yet: for arm64: no archive [runtimes.evil]." in added(once, twice)
    assert "buildable = false" in twice


def test_the_projects_own_file_keeps_every_line() -> None:
    text = (ROOT / "releases.toml").read_text(encoding="utf-8")
    after = with_versions(text, [new("99.0.0", "deno")])
    assert [line for line in added(text, after) if line] == [
        "# Found by `sync`: v8 137.2.1.", "[[runtimes.deno.versions]]", 'version = "99.0.0"', "buildable = true",
    ]  # fmt: skip


def test_nothing_new_changes_nothing() -> None:
    assert with_versions(SPEC, []) == SPEC


@pytest.mark.parametrize(
    "text",
    [
        'schema = 1\nruntimes.app.source = { kind = "registry", package = "app", version = "1.0.0" }\n',
        'schema = 1\n[runtimes]\napp = { source = { kind = "registry", package = "app", version = "1.0.0" } }\n',
        SPEC.replace('[\n    "b",  # first\n    "a",\n]', '"""\n[x]\n"""'),
    ],
)
def test_a_form_that_cannot_be_extended_is_refused(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        with_versions(text, [new()])
    assert str(caught.value) == (
        "error: releases.toml cannot be given a version 1.1.0 of app\n"
        "  usual cause: app is not written as a table [runtimes.app] of its own\n"
        "  what to do:  write it as [runtimes.app], or add [[runtimes.app.versions]] by hand"
    )


def test_a_version_that_is_there_is_not_described_twice() -> None:
    with pytest.raises(SpecError, match=r"version .1\.0\.0. is described more than once"):
        with_versions(SPEC, [new("1.0.0")])
