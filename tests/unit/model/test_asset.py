"""Names of zips: templates filled in, those that cannot be, and targets found in names."""

from __future__ import annotations

import pytest

from pipeline.model.asset import DEFAULT_ASSET_NAME, asset_name, checked_name, checked_template, target_in_name
from pipeline.model.target import TARGETS, Target, find_target

KNOWN = "(known: runtime, version, os, target, rust-triple, gnu-triple, node-arch)"


@pytest.mark.parametrize(
    ("template", "target", "name"),
    [
        (DEFAULT_ASSET_NAME, "arm64", "app-1.2.3+x-linux-arm64.zip"),
        ("{runtime}-{rust-triple}.zip", "amd64", "app-x86_64-unknown-linux-gnu.zip"),
        ("{runtime}-v{version}-{os}-{node-arch}.zip", "amd64", "app-v1.2.3+x-linux-x64.zip"),
        ("{gnu-triple}.zip", "armhf", "arm-linux-gnueabihf.zip"),
        ("fixed.zip", "s390x", "fixed.zip"),
    ],
)
def test_a_template_is_filled_in(template: str, target: str, name: str) -> None:
    template = checked_template(template)
    assert asset_name(template, runtime="app", version="1.2.3+x", target=find_target(target)) == name


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{runtim}.zip", f"there is no placeholder 'runtim'; did you mean 'runtime'? {KNOWN}"),
        ("{zzz}.zip", f"there is no placeholder 'zzz' {KNOWN}"),
        ("{}.zip", f"there is no placeholder '' {KNOWN}"),
        ("{target!r}.zip", f"there is no placeholder 'target!r'; did you mean 'target'? {KNOWN}"),
        ("{target.name}.zip", f"there is no placeholder 'target.name'; did you mean 'target'? {KNOWN}"),
        ("{{target}}.zip", "has a brace without its counterpart"),
        ("{target.zip", "has a brace without its counterpart"),
        ("dist/{target}.zip", "must not have '/' in it: it is the name of a file"),
        ("..\\{target}.zip", "must not have '\\\\' in it: it is the name of a file\nmust not begin with '.'"),
        ("a b/{target}.zip", "must not have ' ' or '/' in it: it is the name of a file"),
        ("{target}.tar.gz", "must end with '.zip', not like '{target}.tar.gz'"),
        (".zip", "must not begin with '.'"),
        ("-{target}.zip", "must not begin with '-'"),
    ],
)
def test_templates_that_are_refused(template: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        checked_template(template)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a/b", "must not have '/' in it: it is the name of a file"),
        ("..", "must not begin with '.'"),
        ("{target}", "has a brace without its counterpart"),
    ],
)
def test_names_that_cannot_be_a_part_of_file_names(name: str, problem: str) -> None:
    assert checked_name("deno_2.4") == "deno_2.4"
    with pytest.raises(ValueError, match=r".") as caught:
        checked_name(name)
    assert str(caught.value) == problem


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize(
    "template", [DEFAULT_ASSET_NAME, "a-{rust-triple}.zip", "{gnu-triple}.zip", "a_{node-arch}.zip"]
)
def test_the_target_is_found_in_every_kind_of_name(template: str, target: Target) -> None:
    assert target_in_name(asset_name(template, runtime="app", version="1.0.0", target=target)) == target


@pytest.mark.parametrize("name", ["app.zip", "charm.zip", "arm64-to-amd64.zip", "xarm64.zip", "arm640.zip"])
def test_names_that_name_no_target_or_two(name: str) -> None:
    assert target_in_name(name) is None
