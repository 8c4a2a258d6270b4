"""Companions: programs of other packages that are built with a runtime's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import SpecError
from pipeline.model.build import BuildRequest, TargetRequest
from pipeline.model.plan import Stage, make_plan
from pipeline.model.spec.reader import parse_spec
from pipeline.model.spec.tables import Spec
from pipeline.model.target import find_target

SOURCE = {"kind": "path", "path": "app"}


def read(companions: list[dict[str, Any]], **runtime: object) -> Spec:
    described = {"source": SOURCE, "package": "app", "companions": companions, **runtime}
    return parse_spec({"schema": 1, "runtimes": {"app": described}})


def problem(companions: list[dict[str, Any]], **runtime: object) -> str:
    with pytest.raises(SpecError) as caught:
        read(companions, **runtime)
    return str(caught.value)


def test_a_companion_needs_to_know_what_it_accompanies() -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec({"schema": 1, "runtimes": {"app": {"source": SOURCE, "companions": [{"package": "small"}]}}})
    assert "runtimes.app: 'companions' need 'package', which says what is the product itself" in str(caught.value)


@pytest.mark.parametrize("names", [["app"], ["small", "small"]])
def test_no_package_is_built_twice(names: list[str]) -> None:
    found = problem([{"package": name} for name in names])
    assert f"runtimes.app: package {names[0]!r} is given more than once" in found


def test_canaries_are_for_a_zip() -> None:
    found = problem([{"package": "small", "canaries": [{"args": ["x"]}]}])
    assert "runtimes.app.companions[0]: 'canaries' are for a zip of its own; give 'asset-name', too" in found


def test_zips_of_companions_have_names_of_their_own() -> None:
    found = problem([{"package": "small", "asset-name": "x-{target}.zip"}], **{"asset-name": "x-{target}.zip"})
    assert "'x-amd64.zip' would be the zip of both app for amd64 and small for amd64" in found


def test_a_plan_has_the_zips_of_companions() -> None:
    spec = read(
        [
            {"package": "inside"},
            {"package": "small", "asset-name": "{runtime}-{rust-triple}.zip", "canaries": [{"args": ["x"]}]},
        ]
    )
    request = BuildRequest(
        name="app",
        runtime=spec.runtimes["app"],
        workspace_dir=Path("/app"),
        targets=(TargetRequest(target=find_target("arm64")),),
        out_dir=Path("/out"),
    )
    steps = make_plan(request, build_machine=None).steps
    zip_name = "small-aarch64-unknown-linux-gnu.zip"
    assert [step.outputs for step in steps if step.stage is Stage.COMPILE_PRODUCT] == [("product", "inside", "small")]
    assert [step.outputs[0] for step in steps if step.stage is Stage.PACKAGE] == [
        "app-<version>-linux-arm64.zip",
        zip_name,
    ]
    assert steps[-1].inputs == (zip_name, "1 canary")
