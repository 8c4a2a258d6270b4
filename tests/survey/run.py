"""What ``verify`` says about programs that people use and about stitches of them: the table of docs/verify.md.

    nox -s survey [-- --keep DIR] [FILE...]

Fetches 1.6 GB once. Ends with status 1 when a right program is rejected or a wrong one accepted.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import os
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.context import Context
from pipeline.examine.checks import Expectations
from pipeline.model.events import NullReporter
from pipeline.model.findings import Examined, Severity, failed
from pipeline.stages import examine
from tests.survey.programs import PROGRAMS, Published, fetch
from tests.survey.stitches import stitches

OF_PACKAGES = frozenset({"elf.glibc"})
"""Findings about what a package promises and not about its program: a wrong tag is no wrong program."""


@dataclasses.dataclass
class Count:
    """How many verdicts there were of each kind."""

    right_ones: collections.Counter[Severity] = dataclasses.field(default_factory=collections.Counter)
    """``info`` never occurs; ``fail``: a right program was rejected."""
    wrong_ones: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """Stitches: ``rejected``, ``undecided`` (the verdict is *unknown*) and ``accepted``."""


@dataclasses.dataclass(frozen=True)
class Unpacked:
    """What of a package was unpacked."""

    program: Path
    holder: Path
    """The file with the snapshots: the program, or a file of data beside it."""

    @property
    def product(self) -> Path:
        """Return what is to be verified."""
        return self.program if self.holder == self.program else self.program.parent


def main() -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--keep", type=Path, default=Path(".nox/survey"), help="where downloads are kept")
    parser.add_argument("files", nargs="*", type=Path, help="further programs or packages, known to be right")
    options = parser.parse_args()
    keep: Path = options.keep.absolute()
    count = Count()
    say("| program | V8 | target | verdict | CPU seconds | agreement of snapshots | wrong ones | worth knowing |")
    say("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="survey-") as scratch:
        programs = {published: _unpack(published, keep, Path(scratch)) for published in PROGRAMS}
        for published in programs:
            _row(published, programs, keep, count)
        for file in options.files:
            _judge(file, str(file), count)
    say(f"\nright ones: {_counted(count.right_ones)}; wrong ones: {_counted(count.wrong_ones)}")
    return 1 if count.right_ones[Severity.FAIL] or count.wrong_ones["accepted"] else 0


def say(text: str) -> None:
    """Write a line at once: a whole run takes minutes."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def look(path: Path) -> tuple[Examined, float]:
    """Return what verify says, and how many seconds of CPU it took."""
    with tempfile.TemporaryDirectory(prefix="survey-") as cache:
        context = Context(cache_dir=Path(cache), reporter=NullReporter(), environ={})
        started = time.process_time()
        found = examine.run(examine.ExamineInputs(path=path, shown=str(path), expected=Expectations()), context)
        return found, time.process_time() - started


def _unpack(published: Published, keep: Path, scratch: Path) -> Unpacked:
    package = fetch(published, keep)
    place = scratch / str(published)
    members = [published.member, *([published.snapshot] if published.snapshot else [])]
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            for member in members:
                archive.extract(member, place)
    else:
        with tarfile.open(package) as archive:
            for member in members:
                archive.extract(member, place, filter="data")
    # Side by side, under their own names only: the folders of a package say nothing.
    for member in members:
        (place / member).rename(place / f"{Path(member).name}.file")
    program, *snapshots = (place / f"{Path(member).name}.file" for member in members)
    return Unpacked(program, snapshots[0] if snapshots else program)


def _row(published: Published, programs: dict[Published, Unpacked], keep: Path, count: Count) -> None:
    unpacked = programs[published]
    found, seconds = look(unpacked.product)
    packed, _ = look(fetch(published, keep))
    wrong = [f for f in failed((*found.findings, *packed.findings)) if f.id not in OF_PACKAGES]
    count.right_ones[Severity.FAIL if wrong else found.verdict] += 1
    outcomes: collections.Counter[str] = collections.Counter()
    for name, outcome, why in _stitched(published, unpacked, programs):
        outcomes[outcome] += 1
        if outcome != "rejected":
            sys.stderr.write(f"{outcome}: {published}: {name} ({why})\n")
    count.wrong_ones += outcomes
    notes = [f"{f.id}: {f.message}" for f in failed((*found.findings, *packed.findings))]
    notes += [f"{f.id}: {f.message}" for f in found.findings if f.id == "v8.paths"]
    _print(f"{published.runtime} {published.version} ({published.registry})", found, seconds, _counted(outcomes), notes)


def _print(name: str, found: Examined, seconds: float, wrong_ones: str, notes: list[str]) -> None:
    agreements = [f"{f.id} {f.agreement}" for f in found.findings if f.id in {"v8.code", "v8.consistency", "v8.triple"}]
    say(
        f"| {name} | {_versions(found)} | {', '.join(found.targets)} | {found.verdict} | {seconds:.2f} "
        f"| {_summed(agreements)} | {wrong_ones} | {'; '.join(dict.fromkeys(notes))[:160]} |"
    )


def _stitched(
    published: Published, unpacked: Unpacked, programs: dict[Published, Unpacked]
) -> Iterator[tuple[str, str, str]]:
    """Yield name, outcome and reason of each wrong product."""
    others = {}
    for other, theirs in programs.items():
        if other.runtime == published.runtime:
            alike = published.v8_version == other.v8_version or published.version == other.version
            if alike and other.target != published.target:
                others["the other architecture"] = theirs.holder
            elif not alike and other.target == published.target:
                others["another version"] = theirs.holder
    with tempfile.TemporaryDirectory(prefix="stitch-") as directory:
        place = Path(directory)
        if unpacked.holder != unpacked.program:
            os.link(unpacked.program, place / "program")
        for stitch in stitches(unpacked.holder, others, place):
            found = look(place)[0]
            named = {f.id for f in failed(found.findings)}
            undecided = found.verdict is Severity.UNKNOWN
            outcome = "rejected" if named & stitch.expected else "undecided" if undecided else "accepted"
            yield stitch.name, outcome, f"{found.verdict}: {sorted(named)}"


def _counted(outcomes: Mapping[Any, int]) -> str:
    return ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()) if number) or "none"


def _judge(path: Path, name: str, count: Count) -> None:
    found, seconds = look(path)
    wrong = [f for f in failed(found.findings) if f.id not in OF_PACKAGES]
    count.right_ones[
        Severity.FAIL if wrong else Severity.UNKNOWN if found.verdict is Severity.UNKNOWN else Severity.OK
    ] += 1
    _print(name, found, seconds, "not made", [f"{f.id}: {f.message}" for f in failed(found.findings)])


def _versions(found: Examined) -> str:
    versions = {str(f.evidence["version"]) for f in found.findings if f.id == "v8.snapshot"}
    return ", ".join(sorted(versions)) or "none"


def _summed(agreements: list[str]) -> str:
    return ", ".join(f"{agreements.count(a)} x {a.removeprefix('v8.')}" for a in dict.fromkeys(agreements))


if __name__ == "__main__":
    sys.exit(main())
