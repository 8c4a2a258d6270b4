"""Programs that are published as Python wheels, got by pip, unpacked and shared by every run.

pip is the one of the Python that runs this, so the user's own configuration (index, proxies, certificates) applies,
and pip compares what it downloads with the index's digests. Nothing is installed: a wheel is a zip.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import tempfile
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import NetworkError, ToolboxError
from pipeline.model.events import Where
from pipeline.packing import zips
from pipeline.processes import proc

_LIMITS = zips.ZipLimits(members=60_000)
_TIMEOUT_S = 1800.0
_PYTHON = "3.11"
"""These wheels hold programs, not Python's extension modules; pip wants a version all the same."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wheel:
    """One published file."""

    name: str
    version: str
    platforms: tuple[str, ...]
    """Tags that will do, such as ``manylinux_2_28_aarch64`` (PEP 600, PEP 656)."""


def ensure_wheel(wheel: Wheel, context: Context) -> Path:
    """Return the directory with what *wheel* holds, fetched the first time.

    Raises NetworkError when it would have to be fetched and may not or cannot, ToolboxError when there is no such
    wheel, ArchiveError, DiskFullError, NotWritableError.
    """
    final = context.cache_dir / "wheels" / f"{wheel.name}-{wheel.version}-{wheel.platforms[0]}"
    with fs.locked_beside(final, hidden=True):
        if not final.is_dir():
            with context.reporter.step(f"{wheel.name} {wheel.version}", where=Where.NETWORK) as step:
                step.detail(wheel.platforms[0])
                _fetch(wheel, final, context)
    return final


def _fetch(wheel: Wheel, final: Path, context: Context) -> None:
    if context.offline:
        raise NetworkError(
            f"{wheel.name} {wheel.version} for {wheel.platforms[0]} must be fetched and --offline forbids it",
            cause="it was never fetched here, or the cache is another one",
            action="run the same command once without --offline",
        )
    fs.make_directory(final.parent)
    with tempfile.TemporaryDirectory(prefix=".wheel-", dir=final.parent) as name:
        command = _download(wheel, Path(name), context)
        completed = proc.run(command)
        if completed.exit_code != 0:
            raise _cannot_have(wheel, command, completed)
        (downloaded,) = Path(name).glob("*.whl")
        with fs.atomic_directory(final) as staging:
            zips.extract_zip(downloaded, staging, _LIMITS)


def _download(wheel: Wheel, directory: Path, context: Context) -> proc.Command:
    platforms = [option for tag in wheel.platforms for option in ("--platform", tag)]
    pip = {name: value for name, value in context.environ.items() if name.startswith("PIP_")}
    return proc.Command(
        argv=(
            *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--quiet"),
            *("--disable-pip-version-check", "--python-version", _PYTHON, *platforms),
            *("--dest", str(directory), f"{wheel.name}=={wheel.version}"),
        ),
        env=proc.base_environment(context.environ) | pip,
        cwd=directory,
        timeout_s=_TIMEOUT_S,
    )


def _cannot_have(wheel: Wheel, command: proc.Command, completed: proc.Completed) -> NetworkError | ToolboxError:
    said = completed.stderr.decode(errors="replace")
    if "No module named pip" in said:
        return ToolboxError(
            "the Python that runs this has no pip, which fetches compilers and Node",
            cause="a virtual environment made without it",
            action=f"run `{sys.executable} -m ensurepip`, or use the sessions of nox",
        )
    # pip says the same of an index that it cannot reach, but knows no other version then.
    absent = re.search(r"\(from versions: (?!none\b)", said) is not None
    return (ToolboxError if absent else NetworkError)(
        f"pip cannot get {wheel.name} {wheel.version} for {wheel.platforms[0]}",
        cause="it has other versions, or other platforms"
        if absent
        else "no network, an index that cannot be reached, or that lacks it",
        action=f"by hand:\n{command.replay_line()}",
        details=said,
    )
