"""Which candidates fit which machine: the cases that the loader of npm packages answers, too."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.installing.choice import Machine, choose
from pipeline.model.prebuilds.manifest import Libc, Prebuild, PrebuildKind
from tests.unit.installing.vectors import title, vectors

FILE = {"size_bytes": 1, "sha256": "0" * 64}


def machine_in(case: dict[str, Any]) -> Machine:
    fields = case["machine"]
    return Machine(**fields | {"libc": Libc(fields["libc"]) if fields["libc"] else None})


@pytest.mark.parametrize("case", vectors("selection"), ids=title)
def test_selection(case: dict[str, Any]) -> None:
    prebuilds = [Prebuild.model_validate(raw | {"files": [{"path": raw["path"]} | FILE]}) for raw in case["prebuilds"]]
    kind = PrebuildKind(case["wanted"]["kind"]) if case["wanted"] else None
    choice = choose(prebuilds, machine_in(case), kind=kind, name=case["wanted"].get("name"))
    assert [prebuild.path for prebuild in choice.fitting] == case["fitting"]
    assert {r.prebuild.path: [r.code, r.text] for r in choice.refused} == case["refused"]


@pytest.mark.parametrize(
    ("machine", "text"),
    [
        (
            Machine(platform="linux", arch="x64", libc=Libc.GLIBC, libc_version="2.36", node_api=9),
            "linux-x64, glibc 2.36, Node-API 9",
        ),
        (Machine(platform="linux", arch="arm", arm_version=7, libc=Libc.MUSL), "linux-arm, ARMv7, musl"),
        (Machine(platform="darwin", arch="arm64"), "darwin-arm64"),
    ],
)
def test_a_machine_in_words(machine: Machine, text: str) -> None:
    assert str(machine) == text
