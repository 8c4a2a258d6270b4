"""How much is asked of the service, and of this machine's memory."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.releases.manifest import MANIFEST_NAME
from pipeline.model.releases.plan import plan_of_release
from pipeline.model.target import find_target
from pipeline.orchestrate.releases.assembling import AssembleRequest, assemble_releases
from pipeline.releasing.directory import read_manifest
from tests.unit.github.publishing import context_for, publish
from tests.unit.github.stand_in import WEB_OPERATIONS, StandIn
from tests.unit.github.test_publish import is_whole
from tests.unit.github.world import TAG
from tests.unit.prebuilding.prebuilds import collected
from tests.unit.releasing.finished import Sketch, write_build
from tests.unit.stages.releases.test_include_prebuilds import packed

ROOT = Path(__file__).parents[3]
MIB = 1024 * 1024
LARGE_MIB = 200
SPARE_MIB = 24
"""How much more memory a large file may take than a small one."""
TARGETS = ("amd64", "arm64", "armhf", "s390x", "ppc64el")
PREBUILD_TARGETS = ("amd64", "arm64", "armhf")
SECONDARY_WRITES_PER_MIN = 80
SECONDARY_POINTS_PER_MIN = 900
PRIMARY_PER_HOUR = 1000

# Publishes a directory with the plan of all of its files, and tells its peak memory in KiB.
MEASURE = """
import json, resource, sys
from pathlib import Path
from pipeline.model.releases.release import PlannedAsset, ReleasePlan
from tests.unit.github.publishing import publish
url, directory = sys.argv[1], Path(sys.argv[2])
plan = ReleasePlan(assets=tuple(PlannedAsset(pattern=p.name, kind="zip") for p in directory.iterdir()))
publish(url, directory, plan=plan)
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""


def peak_mib(github: StandIn, directory: Path) -> float:
    command = [sys.executable, "-c", MEASURE, github.url, str(directory)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    return float(json.loads(ended.stdout)) / 1024


def test_a_large_file_takes_no_more_memory_than_a_small_one(github: StandIn, tmp_path: Path) -> None:
    window, peaks = os.urandom(MIB), list[float]()
    for number, size_mib in enumerate((1, LARGE_MIB)):
        place = tmp_path / f"files{number}"
        place.mkdir()
        with (place / "large.zip").open("wb") as stream:
            for _number in range(size_mib):
                stream.write(window)
        github.world.releases.clear()
        peaks.append(peak_mib(github, place))
        is_whole(github, place)
        (place / "large.zip").unlink()
    print(f"peaks: {peaks[0]:.0f} MiB for 1 MiB, {peaks[1]:.0f} MiB for {LARGE_MIB} MiB")  # noqa: T201
    assert peaks[1] - peaks[0] < SPARE_MIB


def whole_release(tmp_path: Path) -> Path:
    """Assemble a runtime for five targets, with addons for three targets and two C libraries."""
    for target in TARGETS:
        write_build(tmp_path / "dist", Sketch(target=target))
    for libc in Libc:
        part = collected(tmp_path / libc, **{find_target(name).node_arch: libc for name in PREBUILD_TARGETS})
        packed(tmp_path, dataclasses.replace(part, name=f"bcrypt-{libc}"), f"bcrypt-{libc}-6.0.0")
    request = AssembleRequest(
        out_dir=tmp_path / "release", tag=TAG, dist_dirs=(tmp_path / "dist",), prebuild_dirs=(tmp_path / "prebuilds",)
    )
    (made,) = assemble_releases(request, context_for(tmp_path))
    return made.directory


def test_a_release_of_five_targets_stays_within_the_limits(github: StandIn, tmp_path: Path) -> None:
    """Every kind of file for every target; docs/publish.md has these figures, and where the limits are documented."""
    directory = whole_release(tmp_path)
    plan = plan_of_release(read_manifest(directory / MANIFEST_NAME))
    outcome = publish(github.url, directory, plan=plan)
    is_whole(github, directory)
    counted = [operation for operation in github.log if operation not in WEB_OPERATIONS]
    writes = sum(outcome.requests.values()) - outcome.requests["GET"]
    reads = len(counted) - writes
    # 6 files a target, 12 archives of addons, 3 indexes, notes, manifest, sums.
    assert (len(plan.assets), writes, reads, len(github.log) - len(counted)) == (48, 53, 61, 144)
    assert writes < SECONDARY_WRITES_PER_MIN
    assert 5 * writes + reads < SECONDARY_POINTS_PER_MIN
    assert len(counted) < PRIMARY_PER_HOUR
    # One after the other with a second between writes, a minute never has more than 61 of them.
