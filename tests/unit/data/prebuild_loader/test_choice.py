"""The loader answers the same cases as the installer in Python."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from pipeline.installing.machine import this_machine
from tests.unit.data.prebuild_loader.packages import NODE, write_package
from tests.unit.installing.vectors import PATH

SCRIPT = """
const { choose } = require('./prebuilds/loader/choice.cjs');
const { parseLibcText, elfInterpreter } = require('./prebuilds/loader/machine.cjs');
const cases = require(process.argv[1]);
console.log(JSON.stringify({
  selection: cases.selection.map(({ prebuilds, machine, wanted }) => {
    const { fitting, refused } = choose(prebuilds, machine, wanted);
    return [fitting.map(({ path }) => path), refused.map(({ prebuild, code, text }) => [prebuild.path, [code, text]])];
  }),
  texts: cases.texts.map(({ text }) => parseLibcText(text) || { libc: null, libc_version: null }),
  interpreter: elfInterpreter(process.execPath),
}));
"""


def test_the_shared_cases(tmp_path: Path) -> None:
    ended = write_package(tmp_path / "tool").node("-e", SCRIPT, PATH)
    assert ended.exit_code == 0, ended.stderr
    answers = json.loads(ended.stdout)
    cases: dict[str, list[dict[str, Any]]] = json.loads(PATH.read_text())
    for case, (fitting, refused) in zip(cases["selection"], answers["selection"], strict=True):
        assert (case["title"], fitting, dict(refused)) == (case["title"], case["fitting"], case["refused"])
    for case, answer in zip(cases["texts"], answers["texts"], strict=True):
        assert (case["title"], answer) == (case["title"], {key: case[key] for key in ("libc", "libc_version")})
    assert "/ld-" in answers["interpreter"]


def test_this_machine(tmp_path: Path) -> None:
    """What Node's report says is what the C library of Python says; Node's own versions come on top."""
    machine = write_package(tmp_path / "tool").value("loader.thisMachine()")
    versions = subprocess.run([NODE, "-p", "[process.versions.napi, process.versions.modules].join()"],
                              capture_output=True, text=True, check=True).stdout.split(",")  # fmt: skip
    here = this_machine(os.environ)
    assert machine == {
        "platform": here.platform, "arch": here.arch, "arm_version": None, "libc": here.libc,
        "libc_version": here.libc_version, "node_api": int(versions[0]), "node_abi": int(versions[1]),
    }  # fmt: skip


def test_without_a_report_the_interpreter_and_ldd_say_the_same(tmp_path: Path) -> None:
    package = write_package(tmp_path / "tool")
    assert package.value("loader.thisMachine().libc_version") == package.value(
        "(Object.defineProperty(process, 'report', { value: undefined }), loader.thisMachine().libc_version)"
    )
