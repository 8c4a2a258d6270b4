"""One run of a target program in a root of its own, as a directory that a POSIX shell can work off.

``data/run-job.sh`` does the work, on this machine, on a host that is reached by SSH, or in a bundle; here is what it is
told and what it leaves.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
import math
import shlex
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import ArchiveError
from pipeline.model.bundle import RESULT_FILE_NAME, StepOutcome
from pipeline.model.target import Target
from pipeline.roots import outermost, root_library_dir

CANNOT_RUN_EXIT_CODE = 3
"""Exit status of the job runner when no program of the target can be run there."""

DISK_FULL_EXIT_CODE = 4
"""Exit status of the job runner when there is no room for what the program makes."""

TOO_LARGE_EXIT_CODE = 5
"""Exit status of the job runner when the program makes more than may travel."""

FILE_LIMIT_BYTES = 8 * 1024**3
"""What a program may write into one file, whatever it is."""

OUT_DIR_LIMIT_BYTES = 4 * 1024**3
"""What a generator may leave in OUT_DIR: half of what a bundle may hold (``tarball.TarLimits``)."""

# Without a value after it, the name is taken out of a container's environment again.
_ADDED_BY_ENGINES = ("PATH", "HOSTNAME")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """A program of the target and all that it may see. Every path is one below its root."""

    target: Target
    program: str
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str]
    """The whole environment; OUT_DIR, if it is there, becomes what the program sees."""
    workdir: str
    out_dir: str = ""
    """Where what the program makes ends up in the job's ``out``; empty: nowhere."""
    source_dirs: tuple[str, ...]
    """Directories that the program may name by their absolute paths."""
    timeout_s: float
    dynamic: bool = True
    """Whether the target's loader starts it."""
    kept_dirs: tuple[str, ...] = ()
    """Further directories whose new and changed files end up in the job's ``kept``."""


def script(name: str) -> str:
    """Return one of the shell scripts that travel."""
    return importlib.resources.files("pipeline").joinpath("data", name).read_text(encoding="utf-8")


def job_script(job: Job) -> str:
    """Return ``job.sh``, which the job runner reads."""
    unwanted = " ".join(f"-e {name}" for name in _ADDED_BY_ENGINES if name not in job.env)
    assignments = [shlex.quote(f"{name}={value}") for name, value in sorted(job.env.items()) if name != "OUT_DIR"]
    options = " ".join(f"-e {assignment}" for assignment in assignments)
    seen, mapped = ('"OUT_DIR=$seen_out_dir"', '-e "OUT_DIR=$out_dir"') if "OUT_DIR" in job.env else ("", "")
    arguments = shlex.join(job.arguments)
    settings = {
        "target": job.target.name,
        "platform": job.target.oci_platform,
        "program": job.program,
        "workdir": job.workdir,
        "out_dir": job.out_dir,
        "loader": job.target.interpreter if job.dynamic else "",
        "library_dirs": root_library_dir(job.target),
        "source_dirs": "\n".join(outermost(job.source_dirs)),
        "kept_dirs": "\n".join(outermost(job.kept_dirs)),
        "timeout_s": str(math.ceil(job.timeout_s)),
        "file_blocks": str(FILE_LIMIT_BYTES // 512),
        "limit_kib": str(OUT_DIR_LIMIT_BYTES // 1024),
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in settings.items()]
    lines += [
        f'launch() {{ exec env -i {" ".join(assignments)} {seen} "$@"; }}',
        f'launch_program() {{ launch "$@" {arguments}; }}',
        'in_container() { docker=$(command -v docker) && unset PATH HOSTNAME && exec "$docker" run --rm --init \\',
        '  --name "$container" --user "$owner" --network none --log-driver none --cap-drop ALL \\',
        f'  --security-opt no-new-privileges --ulimit fsize={FILE_LIMIT_BYTES} --platform "$platform" \\',
        '  ${out_dir:+"--volume=$job/out:$out_dir"} -w "$workdir" \\',
        f'  {unwanted} {options} {mapped} "$image" "$@"; }}',
        f'program_in_container() {{ in_container "$@" {arguments}; }}',
    ]
    return "\n".join(lines) + "\n"


def read_outcome(directory: Path) -> StepOutcome:
    """Return what the job runner wrote about the run.

    Raises ArchiveError when it cannot be read.
    """
    path = directory / RESULT_FILE_NAME
    try:
        return StepOutcome.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ArchiveError(
            f"{path.name} of a generator's run cannot be read",
            cause="the run was cut off, or the file was changed",
            action="run the generator again",
        ) from error
