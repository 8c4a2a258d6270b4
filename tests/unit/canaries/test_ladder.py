"""Runs of a product, one after the other: what each must answer, what it finds around it, and how long it may take."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.canaries.ladder import Ladder, check_files_dir, climb, files_digest
from pipeline.canaries.pace import REFERENCE_S
from pipeline.errors import SpecError
from pipeline.model.execution import ExecRequest, ExecResult, Executor
from pipeline.model.findings import Finding, Severity
from pipeline.model.spec.runtime_parts import Canary
from pipeline.model.target import find_target
from tests.unit.here import HereExecutor, SlowExecutor


def ladder(
    place: Path, script: str, *canaries: Canary, files_dir: Path | None = None, executor: Executor | None = None
) -> tuple[Finding, ...]:
    product = place / "product"
    product.mkdir()
    (product / "app").write_text(f"#!/bin/sh\n{script}\n")
    (product / "app").chmod(0o755)
    return tuple(
        climb(
            Ladder(
                product_dir=product, program="app", target=find_target("s390x"), executor=executor or HereExecutor(),
                canaries=canaries, files_dir=files_dir,
            )
        )
    )  # fmt: skip


def test_a_ladder_names_its_rungs(tmp_path: Path) -> None:
    pace, first, second = ladder(
        tmp_path, 'echo "$1"', Canary(name="version", args=("-V",)), Canary(name="eval", args=("7",), stdout="8")
    )
    assert (pace.id, pace.severity, pace.subject) == ("canary.pace", Severity.INFO, "the executor")
    assert [(f.evidence["rung"], f.severity, f.subject) for f in (first, second)] == [
        ("version", Severity.OK, "app -V"),
        ("eval", Severity.FAIL, "app 7"),
    ]
    assert second.message == "printed '7' instead of '8'"


def test_a_failure_does_not_end_the_climb(tmp_path: Path) -> None:
    found = ladder(tmp_path, '[ "$1" = b ]', Canary(args=("a",)), Canary(args=("b",)))
    assert [finding.severity for finding in found[1:]] == [Severity.FAIL, Severity.OK]


def test_nothing_is_tried_after_a_run_without_an_end(tmp_path: Path) -> None:
    found = ladder(tmp_path, "sleep 60", *(Canary(name=name, args=(name,), timeout_s=0.05) for name in "abc"))
    assert [finding.severity for finding in found[1:]] == [Severity.FAIL, Severity.UNKNOWN, Severity.UNKNOWN]
    assert found[1].message.startswith("did not end within ")
    assert found[2].message == "was not tried, because a run before it did not end in time"
    assert found[2].evidence == {"rung": "b"}


def test_files_as_data_and_from_a_directory(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (shared / "lib").mkdir(parents=True)
    (shared / "lib/a.txt").write_text("shared\n")
    canaries = (
        Canary(args=("x",), files={"lib/b.txt": "own\n"}, stdout="lib lib/a.txt lib/b.txt shared own"),
        Canary(args=("x",), stdout="lib lib/a.txt shared"),
    )
    found = ladder(tmp_path, "echo $(find * | sort) $(cat lib/*); touch left-behind", *canaries, files_dir=shared)
    assert [(finding.severity, finding.message[:8]) for finding in found[1:]] == [(Severity.OK, "answered")] * 2
    assert sorted(path.name for path in shared.rglob("*")) == ["a.txt", "lib"]


def test_what_is_shared_is_part_of_the_key(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    first = files_digest(tmp_path)
    (tmp_path / "a.js").write_text("2")
    assert len({first, files_digest(tmp_path), files_digest(None)}) == 3


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    check_files_dir(None)
    check_files_dir(tmp_path)
    with pytest.raises(SpecError) as caught:
        check_files_dir(Path("/no/such"))
    assert str(caught.value) == (
        "error: canary-dir is not a directory: /no/such\n"
        "  usual cause: a misspelt path, or files that were not checked out\n"
        "  what to do:  correct canary-dir of the runtime in releases.toml"
    )


def test_limits_are_longer_where_the_executor_is_slower(tmp_path: Path) -> None:
    class Recording(SlowExecutor):
        def run(self, request: ExecRequest) -> ExecResult:
            limits.append(request.timeout_s)
            return super().run(request)

    limits: list[float] = []
    executor = Recording(factor=100.0)
    pace, run = ladder(tmp_path, "exit 0", Canary(args=("x",), timeout_s=3), executor=executor)
    factor = pace.evidence["factor"]
    assert isinstance(factor, float)
    # The loop takes a hundredth of a second or more on any machine, so a hundred times as slow is slower than that.
    assert factor > 10
    assert limits[1] == pytest.approx(3 * factor, abs=0.02)
    assert run.evidence["timeout_s"] == pytest.approx(limits[1], abs=0.1)
    loop_s = pace.evidence["loop_s"]
    assert isinstance(loop_s, float)
    assert factor == pytest.approx(min(loop_s / REFERENCE_S, 50.0), abs=0.02)
    assert pace.message == (
        f"takes {factor:.1f} times as long as the machine that time limits are for; they are that much longer"
    )


def test_no_canaries_and_no_program(tmp_path: Path) -> None:
    assert ladder(tmp_path, "exit 0") == ()
    (tmp_path / "product/app").unlink()
    (tmp_path / "product").rmdir()
    (tmp_path / "other").mkdir()
    missing = Ladder(
        product_dir=tmp_path / "other", program="app", target=find_target("s390x"), executor=HereExecutor(),
        canaries=(Canary(args=("x",)),),
    )  # fmt: skip
    (found,) = climb(missing)
    assert (found.id, found.severity, found.subject) == ("canary.program", Severity.FAIL, "app")
