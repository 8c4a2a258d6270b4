"""Zips that would have one name."""

from __future__ import annotations

import tomllib

import pytest

from pipeline.errors import SpecError
from pipeline.model.spec.reader import parse_spec

PATH = 'source = { kind = "path", path = "app" }'
OLD = 'source = { kind = "registry", package = "app", version = "1.0.0" }'
NEW = 'source = { kind = "registry", package = "app", version = "2.0.0" }'


def runtime(name: str, *lines: str) -> str:
    return "\n".join((f"[runtimes.{name}]", *lines, ""))


def problems(*runtimes: str) -> list[str]:
    try:
        parse_spec(tomllib.loads("schema = 1\n" + "".join(runtimes)))
    except SpecError as error:
        return error.details.splitlines()
    return []


def test_one_name_for_two_targets() -> None:
    assert problems(runtime("app", PATH, 'asset-name = "{runtime}-{version}.zip"')) == [
        "runtimes.app.asset-name: 'app-{version}.zip' would be the zip of both app for amd64 and app for arm64"
    ]


def test_one_name_for_two_runtimes() -> None:
    name = 'asset-name = "tool-{os}-{target}.zip"'
    assert problems(runtime("a", OLD, name), runtime("b", NEW, name), runtime("c", PATH)) == [
        "runtimes.b.asset-name: 'tool-linux-amd64.zip' would be the zip of both a for amd64 and b for amd64"
    ]


def test_a_version_that_is_known_tells_names_apart() -> None:
    name = 'asset-name = "tool-{version}-{target}.zip"'
    assert problems(runtime("a", OLD, name), runtime("b", NEW, name)) == []
    assert problems(runtime("a", OLD, name), runtime("b", OLD, name)) == [
        "runtimes.b.asset-name: 'tool-1.0.0-amd64.zip' would be the zip of both a for amd64 and b for amd64"
    ]


def test_other_targets_of_the_same_name_do_not_clash() -> None:
    name = 'asset-name = "tool-{target}.zip"'
    assert (
        problems(runtime("a", OLD, name, "targets = ['arm64']"), runtime("b", OLD, name, "targets = ['amd64']")) == []
    )


def test_the_whole_message() -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(
            tomllib.loads(
                "schema = 1\n" + runtime("app", PATH, 'asset-name = "app.zip"', "targets = ['arm64', 'armhf']")
            )
        )
    assert str(caught.value) == (
        "runtimes.app.asset-name: 'app.zip' would be the zip of both app for arm64 and app for armhf\n"
        "\n"
        "error: releases.toml has 1 mistake\n"
        "  usual cause: a misspelt key, or a value that does not fit\n"
        "  what to do:  correct releases.toml; docs/releases-toml.md describes every key"
    )
