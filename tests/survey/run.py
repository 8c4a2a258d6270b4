"""What ``verify`` says about programs that people use and about stitches of them: the table of docs/verify.md.

    nox -s survey [-- --keep DIR] [FILE...]

Fetches 1.2 GB once. Ends with status 1 when a right program is rejected or a wrong one accepted.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

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
    """How many verdicts were right."""

    right_programs: int = 0
    rejected: int = 0
    undecided: int = 0
    stitches: int = 0
    accepted: int = 0


def main() -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--keep", type=Path, default=Path(".nox/survey"), help="where downloads are kept")
    parser.add_argument("files", nargs="*", type=Path, help="further programs or packages, known to be right")
    options = parser.parse_args()
    keep: Path = options.keep.absolute()
    count = Count()
    say("| program | V8 | target | verdict | seconds | agreement of snapshots | stitches rejected | worth knowing |")
    say("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="survey-") as scratch:
        programs = {published: _program(published, keep, Path(scratch)) for published in PROGRAMS}
        for published, program in programs.items():
            _row(published, program, programs, keep, count)
        for file in options.files:
            _judge(file, file.name, count)
    say(
        f"\n{count.right_programs} right ones: {count.rejected} rejected, {count.undecided} undecided; "
        f"{count.stitches} wrong ones: {count.accepted} accepted"
    )
    return 1 if count.rejected or count.accepted else 0


def say(text: str) -> None:
    """Write a line at once: a whole run takes minutes."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def look(path: Path) -> tuple[Examined, float]:
    """Return what verify says, and how many seconds it took."""
    with tempfile.TemporaryDirectory(prefix="survey-") as cache:
        context = Context(cache_dir=Path(cache), reporter=NullReporter(), environ={})
        started = time.monotonic()
        found = examine.run(examine.ExamineInputs(path=path, shown=str(path), expected=Expectations()), context)
        return found, time.monotonic() - started


def _program(published: Published, keep: Path, scratch: Path) -> Path:
    package = fetch(published, keep)
    path = scratch / str(published)
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            path.write_bytes(archive.read(published.member))
    else:
        with tarfile.open(package) as archive:
            member = archive.extractfile(published.member)
            path.write_bytes(member.read() if member else b"")
    return path


def _row(published: Published, program: Path, programs: dict[Published, Path], keep: Path, count: Count) -> None:
    found, seconds = look(program)
    packed, _ = look(fetch(published, keep))
    wrong = [f for f in failed((*found.findings, *packed.findings)) if f.id not in OF_PACKAGES]
    count.right_programs += 1
    count.rejected += bool(wrong)
    count.undecided += found.verdict is Severity.UNKNOWN
    stitched, accepted = _stitched(published, program, programs)
    count.stitches += stitched
    count.accepted += len(accepted)
    for name in accepted:
        sys.stderr.write(f"accepted: {published}: {name}\n")
    agreements = [f"{f.id} {f.agreement}" for f in found.findings if f.id in {"v8.code", "v8.consistency", "v8.triple"}]
    notes = [f"{f.id}: {f.message}" for f in failed((*found.findings, *packed.findings))]
    notes += [f"{f.id}: {f.message}" for f in found.findings if f.id == "v8.paths"]
    say(
        f"| {published.runtime} {published.version} ({published.registry}) | {_versions(found)} | {published.target} "
        f"| {found.verdict} | {seconds:.2f} | {_summed(agreements)} | {stitched - len(accepted)} of {stitched} "
        f"| {'; '.join(dict.fromkeys(notes))[:160]} |"
    )


def _stitched(published: Published, program: Path, programs: dict[Published, Path]) -> tuple[int, list[str]]:
    others = {}
    for other, path in programs.items():
        if other.runtime == published.runtime and other.v8_version == published.v8_version:
            if other.target != published.target:
                others["the other architecture"] = path
        elif other.runtime == published.runtime and other.target == published.target:
            others["another version"] = path
    accepted, made = [], 0
    with tempfile.TemporaryDirectory(prefix="stitch-") as directory:
        for stitch in stitches(program, others, Path(directory)):
            made += 1
            found = look(stitch.path)[0]
            named = {f.id for f in found.findings if f.severity in {Severity.FAIL, Severity.UNKNOWN}}
            if found.verdict is Severity.OK or not named & stitch.expected:
                accepted.append(f"{stitch.name} ({found.verdict}: {sorted(named)})")
    return made, accepted


def _judge(path: Path, name: str, count: Count) -> None:
    found, seconds = look(path)
    count.right_programs += 1
    count.rejected += found.verdict is Severity.FAIL
    count.undecided += found.verdict is Severity.UNKNOWN
    agreements = [f"{f.id} {f.agreement}" for f in found.findings if f.id in {"v8.code", "v8.consistency", "v8.triple"}]
    notes = [f"{f.id}: {f.message}" for f in failed(found.findings)]
    say(
        f"| {name} | {_versions(found)} | {', '.join(found.targets)} | {found.verdict} | {seconds:.2f} "
        f"| {_summed(agreements)} | | {'; '.join(notes)[:160]} |"
    )


def _versions(found: Examined) -> str:
    versions = {str(f.evidence["version"]) for f in found.findings if f.id == "v8.snapshot"}
    return ", ".join(sorted(versions)) or "none"


def _summed(agreements: list[str]) -> str:
    return ", ".join(f"{agreements.count(a)} x {a.removeprefix('v8.')}" for a in dict.fromkeys(agreements))


if __name__ == "__main__":
    sys.exit(main())
