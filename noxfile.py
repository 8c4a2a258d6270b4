# /// script
# requires-python = ">=3.11"
# dependencies = ["nox>=2024.10.9"]
# ///
"""Cross-compile runtimes that embed V8; the work itself is in pipeline/.

What follows -- is passed on:  nox -s build-arm64 -- --path ../app --out /tmp/app
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
TARGETS = ("arm64", "amd64", "armhf", "s390x", "ppc64el")
PREBUILD_TARGETS = ("arm64", "amd64", "armhf")
DEVELOPMENT_GROUPS = ("lint", "types", "test")
# A process for each core. A file's tests share what they set up; files that build come first, the short ones fill up.
SPREAD = ("--numprocesses", "logical", "--maxprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder")
FUZZED = ("elf", "symbols", "blob", "codes", "text", "record", "file", "layout")
STAMP_NAME = "installed.sha256"
# The pipeline stops its children itself; it needs time for that.
INTERRUPT_TIMEOUT_S = 60
TERMINATE_TIMEOUT_S = 15

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "unit"]


VERBS = {
    "build": "Build for {}: a zip, its digest and its build record in dist/.",
    "generator": "Pack what makes the snapshot for {}: dist/<name>-{}.generator.tar.zst.",
    "snapshot": "Run -- BUNDLE for {}: dist/<name>-{}.snapshot.tar.zst.",
    "stitch": "Build for {} with -- --snapshot FILE: as build does, in dist/.",
    "root": "Run -- CMD ARGS in a root of {}, made by an ordinary user, with native compilers inside.",
    "v8": "Compile V8 for {} from source, -- --version VERSION of its crate: v8-mirror/.",
    "prebuild": "Compile addons and programs for {} that others take as they are: dist/prebuilds/.",
}


def define(verb: str, target: str) -> None:
    """Define the session that does *verb* for *target*."""

    def do(session: nox.Session) -> None:
        own = ("run",) if verb == "root" else ()
        run_pipeline(session, verb, *own, "--target", target, *session.posargs)

    do.__doc__ = VERBS[verb].format(target, target)
    nox.session(name=f"{verb}-{target}")(do)


for _verb in VERBS:
    for _target in PREBUILD_TARGETS if _verb == "prebuild" else TARGETS:
        define(_verb, _target)


@nox.session
def plan(session: nox.Session) -> None:
    """Print what a build would do, and do nothing."""
    run_pipeline(session, "plan", *session.posargs)


@nox.session
def doctor(session: nox.Session) -> None:
    """Say what is there, what would be fetched, and what is wrong."""
    run_pipeline(session, "doctor", *session.posargs)


@nox.session
def workflows(session: nox.Session) -> None:
    """Write .github/workflows/ as releases.toml has it; -- --check only compares."""
    run_pipeline(session, "workflows", *session.posargs)


@nox.session
def sync(session: nox.Session) -> None:
    """Describe versions that upstream has published since in releases.toml: -- [--dry-run] [--check-lifting]."""
    run_pipeline(session, "sync", *session.posargs)


@nox.session
def publish(session: nox.Session) -> None:
    """Publish dist/ as a release on GitHub: -- --tag v1.2.3 [--dry-run]; finishes what a run that died began."""
    run_pipeline(session, "publish", *session.posargs)


@nox.session
def release(session: nox.Session) -> None:
    """Make release/TAG of dist/: -- assemble --tag v1.2.3; or -- list, fetch, withdraw, republish, prune, unlock."""
    run_pipeline(session, "release", *session.posargs)


@nox.session
def image(session: nox.Session) -> None:
    """Make images of finished builds: -- --bake, --layout or --context DIR, --push; or --print, --check, --write."""
    run_pipeline(session, "image", *session.posargs)


@nox.session
def cache(session: nox.Session) -> None:
    """Look at what is kept between builds: -- list, explain, verify, prune, export FILE, import FILE."""
    run_pipeline(session, "cache", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure builds against every alternative; -- [--full] [--only PART …], or --page: docs/benchmarks.md."""
    run(session, environment_python(session, "bench", "bench"), "-m", "tests.bench", *session.posargs)


@nox.session
def survey(session: nox.Session) -> None:
    """Print what verify says of programs that people use and of stitches of them; fetches 1.6 GB once."""
    run(session, development_python(session), "-m", "tests.survey.run", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Feed made-up inputs to every reader of the verifier; -- READER -max_total_time=SECONDS for one of them."""
    python = environment_python(session, "fuzz", "fuzz")
    chosen, options = session.posargs[:1], session.posargs[1:] or ["-max_total_time=60"]
    for reader in chosen or FUZZED:
        run(session, python, "-m", "tests.fuzz.run", reader, *options)


@nox.session
def mutate(session: nox.Session) -> None:
    """Change the code of lifting, stitching and verifying in small ways; -- [MODULE...] [--every N] [--survivors]."""
    run(session, environment_python(session, "mutate", "mutate"), "-m", "tests.mutation", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Print which branches the fast tests take, for each layer; what follows -- is pytest's."""
    python = development_python(session)
    options = ("--cov=pipeline", "--cov-branch", "--cov-report=json")
    run(session, python, "-m", "pytest", "tests/unit", *SPREAD, *options, *session.posargs)
    run(session, python, "-m", "tests.coverage")


@nox.session
def shuffle(session: nox.Session) -> None:
    """Run the fast tests in random order, -- ROUNDS times (20 unless said); each round prints its seed."""
    python, rounds = development_python(session), int(session.posargs[0]) if session.posargs else 20
    for _number in range(rounds):
        options = ("--numprocesses=2", "--random-order", "--random-order-bucket=module", "-q")
        run(session, python, "-m", "pytest", "tests/unit", *options)


@nox.session
def pictures(session: nox.Session) -> None:
    """Take pictures of real runs for the README and the tutorial: docs/pictures/."""
    run(session, environment_python(session, "pictures", "pictures"), "-m", "tests.pictures", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Write the generated pages and build the site, warnings as errors: site/; -- --check only compares the pages."""
    python = development_python(session)
    run(session, python, "-m", "docs.generate", *session.posargs)
    if "--check" not in session.posargs:
        session.env["NO_MKDOCS_2_WARNING"] = "1"  # an advertisement, which looks like a warning of ours
        run(session, python, "-m", "mkdocs", "build", "--strict", "--quiet")


@nox.session
def changelog(session: nox.Session) -> None:
    """Print what the next release would say; -- --version 1.2.3 --yes writes it and removes the fragments."""
    writing = any(argument.startswith("--version") for argument in session.posargs)
    options = session.posargs if writing else ["--draft", "--version", "next", *session.posargs]
    run(session, development_python(session), "-m", "towncrier", "build", *options)


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests, real builds for arm64 and s390x among them; -- -n0: in one process."""
    run(session, development_python(session), "-m", "pytest", *SPREAD, *session.posargs)


@nox.session
def unit(session: nox.Session) -> None:
    """Run the fast tests, which need no network."""
    run(session, development_python(session), "-m", "pytest", "tests/unit", *SPREAD, *session.posargs)


@nox.session
def buildkit(session: nox.Session) -> None:
    """Test images with a builder that pushes by digest; needs Go, root, and some minutes to compile it once."""
    checks = "tests/integration/checks_of_buildkit.py"
    run(session, development_python(session), "-m", "pytest", checks, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting (ruff)."""
    python = development_python(session)
    run(session, python, "-m", "ruff", "check", *session.posargs)
    run(session, python, "-m", "ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check types (mypy, strict)."""
    run(session, development_python(session), "-m", "mypy", *session.posargs)


def run_pipeline(session: nox.Session, *arguments: str) -> None:
    """Run the command line of the project."""
    run(session, environment_python(session, "pipeline"), "-m", "pipeline", *arguments)


def run(session: nox.Session, *command: str) -> None:
    """Run a program; Ctrl-C reaches it first, and it gets time to end its children."""
    session.run(*command, external=True, interrupt_timeout=INTERRUPT_TIMEOUT_S, terminate_timeout=TERMINATE_TIMEOUT_S)


def development_python(session: nox.Session) -> str:
    """Return the Python that has what checks and tests need."""
    return environment_python(session, "development", *DEVELOPMENT_GROUPS)


def environment_python(session: nox.Session, name: str, *groups: str) -> str:
    """Return the Python of the environment *name*, which sessions share; it is made when pyproject.toml changed."""
    place = ROOT / ".nox" / name
    python, stamp = place / "bin" / "python", place / STAMP_NAME
    wanted = stamp_text(groups)
    with locked(place.with_suffix(".lock")):
        if not python.exists() or not stamp.is_file() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            # virtualenv comes with nox: no python3-venv is needed.
            session.run_install(sys.executable, "-m", "virtualenv", "--quiet", str(place), external=True, silent=True)
            requirements = nox.project.dependency_groups(nox.project.load_toml(ROOT / "pyproject.toml"), *groups)
            session.run_install(
                str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", str(ROOT),
                *requirements, external=True, silent=True,
            )  # fmt: skip
            stamp.write_text(wanted)
    return str(python)


def stamp_text(groups: tuple[str, ...]) -> str:
    """Return a digest of what an environment depends on."""
    parts = (str(ROOT), sys.version, *groups, (ROOT / "pyproject.toml").read_text())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes while an environment is made."""
    path.parent.mkdir(exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
