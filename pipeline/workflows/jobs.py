"""The jobs of the workflows and their steps.

No value of an event reaches a shell but through a variable, and each job may do no more than it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.model.spec.ci import CiSpec
from pipeline.workflows.actions import pinned
from pipeline.workflows.matrix import Matrix, Pair

Job = dict[str, Any]
Step = dict[str, Any]

SNAPSHOT_TIMEOUT_MIN = 30
FROM_A_FORK = (
    "github.event_name == 'pull_request' && github.event.pull_request.head.repo.full_name != github.repository"
)
NOT_FROM_A_FORK = (
    "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository"
)
_PREPARE = """\
apt-get update
apt-get install --yes --no-install-recommends ca-certificates git python3-venv zstd
python3 -m venv /opt/nox
/opt/nox/bin/pip install --quiet nox
"""
PREPARE_RUNNER = """\
python3 -m venv "$RUNNER_TEMP/nox"
sudo ln -s "$RUNNER_TEMP/nox" /opt/nox
/opt/nox/bin/pip install --quiet nox
"""
# A plain machine has gzip, but seldom zstd.
_GENERATOR = """\
nox -s "generator-$TARGET" -- --runtime "$RUNTIME" @SNAPSHOT@--out "$RUNNER_TEMP/generator.tar.zst"
zstd --quiet --decompress "$RUNNER_TEMP/generator.tar.zst" -o generator.tar
gzip -1 generator.tar
"""
CHECKOUT: Step = {"uses": pinned("actions/checkout"), "with": {"persist-credentials": False}}
USE_NOX: Step = {"run": 'echo /opt/nox/bin >> "$GITHUB_PATH"'}
_TOOLBOX_DIR = "~/.cache/snapstitch/toolbox"
# What the toolbox is made from; its packages are renewed by the distribution, and with them the week.
TOOLBOX_FILES = (
    "releases.toml", "pipeline/data/distributions.toml", "pipeline/apt/**", "pipeline/toolchains/**",
    "pipeline/rust/native_env.py",
)  # fmt: skip
# Each run has directories of its own, which are removed: the machine is used again.
_SNAPSHOT = """\
rm -f snapshot.tar.gz
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
tar -xzf generator.tar.gz -C "$place"
sh "$place/run" --out "$PWD/snapshot.tar.gz"
"""


def build_job(ci: CiSpec, pairs: Iterable[Pair], *, condition: str | None = None) -> Job:
    """Return the job that makes products whose snapshots need no other machine."""
    return {
        "name": "${{ matrix.runtime }} for ${{ matrix.target }}",
        **({"if": condition} if condition else {}),
        **build_machine(ci, timeout_min=ci.timeout_min),
        "strategy": _strategy(pairs),
        "steps": [
            *build_start(ci),
            *_cached_toolbox(),
            run_step('nox -s "build-$TARGET" -- --runtime "$RUNTIME" --out dist', env=_MATRIX_ENV),
            _upload("product", "dist/"),
        ],
    }


def in_round(name: str, number: int) -> str:
    """Return what a job, or what it hands over, is called in a round, counted from 1."""
    return name if number == 1 else f"{name}-{number}"


def generator_job(ci: CiSpec, matrix: Matrix, number: int = 1) -> Job:
    """Return the job that compiles the programs that make snapshots, and hands them over.

    In a later round, they are made on top of the snapshots of the earlier one.
    """
    earlier = in_round("snapshot", number - 1) if number > 1 else None
    return {
        "name": f"{in_round('generator', number)} of ${{{{ matrix.runtime }}}} for ${{{{ matrix.target }}}}",
        **({"needs": earlier} if earlier else {}),
        **_only_trusted(matrix),
        **build_machine(ci, timeout_min=ci.timeout_min),
        "strategy": _strategy(matrix.in_round(number)),
        "steps": [
            *build_start(ci),
            *_cached_toolbox(),
            *([_download(earlier)] if earlier else ()),
            run_step(
                _GENERATOR.replace("@SNAPSHOT@", "--snapshot snapshot.tar.gz " if earlier else ""), env=_MATRIX_ENV
            ),
            _upload(in_round("generator", number), "generator.tar.gz"),
        ],
    }


def snapshot_job(matrix: Matrix, number: int = 1) -> Job:
    """Return the job on the snapshot runner. It checks nothing out: all that it needs is in the bundle."""
    labels = list(matrix.runner)
    generator = in_round("generator", number)
    return {
        "name": f"{in_round('snapshot', number)} of ${{{{ matrix.runtime }}}} for ${{{{ matrix.target }}}}",
        "needs": generator,
        **_only_trusted(matrix),
        "runs-on": labels if len(labels) > 1 else labels[0],
        "timeout-minutes": SNAPSHOT_TIMEOUT_MIN,
        "permissions": {},
        "strategy": _strategy(matrix.in_round(number)),
        "steps": [
            _download(generator),
            run_step(_SNAPSHOT),
            _upload(in_round("snapshot", number), "snapshot.tar.gz"),
        ],
    }


def stitch_job(ci: CiSpec, matrix: Matrix) -> Job:
    """Return the job that makes products with the snapshots that were handed back in the last round of each."""
    rows = [{**pair.row(), "snapshot": in_round("snapshot", pair.rounds)} for pair in matrix.handed_over]
    return {
        "name": "${{ matrix.runtime }} for ${{ matrix.target }}",
        "needs": in_round("snapshot", matrix.rounds),
        **_only_trusted(matrix),
        **build_machine(ci, timeout_min=ci.timeout_min),
        "strategy": {"fail-fast": False, "matrix": {"include": rows}},
        "steps": [
            *build_start(ci),
            *_cached_toolbox(),
            _download("${{ matrix.snapshot }}"),
            run_step(
                'nox -s "stitch-$TARGET" -- --runtime "$RUNTIME" --snapshot snapshot.tar.gz --out dist',
                env=_MATRIX_ENV,
            ),
            _upload("product", "dist/"),
        ],
    }


def check_job(ci: CiSpec) -> Job:
    """Return the job that checks style and types, and runs all tests; a container engine is among what they start."""
    job = {"name": "checks", **build_machine(ci, timeout_min=ci.timeout_min)}
    if ci.build_image:
        job["container"] = {"image": ci.build_image, "options": "--privileged"}
    steps = [*build_start(ci), {"uses": pinned("actions/setup-go"), "with": {"go-version": "stable", "cache": False}}]
    return {**job, "steps": [*steps, run_step("nox -s lint types tests")]}


_MATRIX_ENV = {"RUNTIME": "${{ matrix.runtime }}", "TARGET": "${{ matrix.target }}"}


def build_machine(ci: CiSpec, *, timeout_min: int) -> Job:
    """Return where a job that compiles runs."""
    container = {"container": {"image": ci.build_image}} if ci.build_image else {}
    return {
        "runs-on": ci.build_runner,
        **container,
        "timeout-minutes": timeout_min,
        "permissions": {"contents": "read"},
    }


def _only_trusted(matrix: Matrix) -> Job:
    """Return the condition that keeps what forks propose away from machines of one's own."""
    return {"if": NOT_FROM_A_FORK} if matrix.self_hosted else {}


def _strategy(pairs: Iterable[Pair]) -> Job:
    return {"fail-fast": False, "matrix": {"include": [pair.row() for pair in pairs]}}


def build_start(ci: CiSpec) -> list[Step]:
    """Return the steps with which a job that compiles begins."""
    return [CHECKOUT, run_step(_PREPARE if ci.build_image else PREPARE_RUNNER), USE_NOX]


def run_step(script: str, *, env: Mapping[str, str] | None = None) -> Step:
    """Return a step that runs a script, with the variables that it needs."""
    return {**({"env": dict(env)} if env else {}), "run": script}


def _upload(kind: str, path: str) -> Step:
    name = f"{kind}-${{{{ matrix.runtime }}}}-${{{{ matrix.target }}}}"
    return {
        "uses": pinned("actions/upload-artifact"),
        "with": {"name": name, "path": path, "if-no-files-found": "error", "compression-level": 0},
    }


def _download(kind: str) -> Step:
    name = f"{kind}-${{{{ matrix.runtime }}}}-${{{{ matrix.target }}}}"
    return {"uses": pinned("actions/download-artifact"), "with": {"name": name}}


def _cached_toolbox() -> list[Step]:
    """Return the steps that keep fetched tools and sysroots from run to run; releases fetch theirs anew.

    What is not there, or not the newest, the pipeline fetches; what is there it takes only if the exact packages fit.
    """
    week = "week-${{ steps.week.outputs.week }}"
    files = ", ".join(f"'{name}'" for name in TOOLBOX_FILES)
    prefix = f"toolbox-${{{{ matrix.runtime }}}}-${{{{ matrix.target }}}}-${{{{ hashFiles({files}) }}}}-"
    return [
        {"id": "week", "run": 'echo "week=$(date +%G-%V)" >> "$GITHUB_OUTPUT"'},
        {
            "if": "!startsWith(github.ref, 'refs/tags/')",
            "uses": pinned("actions/cache"),
            "with": {"path": _TOOLBOX_DIR, "key": f"{prefix}{week}", "restore-keys": prefix},
        },
    ]
