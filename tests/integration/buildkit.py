"""BuildKit's own daemon, which no Debian has: compiled once from its Go module, and run beside the engine."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline import fs

from .command import Cli
from .engine import START_TIMEOUT_S, Engine

VERSION = "v0.17.3"
_MODULE = "github.com/moby/buildkit"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunningBuildkit:
    """A daemon that listens, as a builder of buildx."""

    builder: str
    """Its name in buildx."""
    process: subprocess.Popen[bytes]


def compiled(cli: Cli) -> Path:
    """Return the daemon; it takes Go, the network, and some minutes the first time."""
    program = cli.cache_dir / "buildkit" / VERSION / "buildkitd"
    with fs.locked(program.parent.with_suffix(".lock"), timeout_s=1800):
        if not program.is_file():
            env = {name: value for name, value in os.environ.items() if not name.startswith("GO")} | {
                "GOBIN": str(program.parent), "CGO_ENABLED": "0",
            }  # fmt: skip
            flags = f"-ldflags=-s -w -X {_MODULE}/version.Version={VERSION}"
            subprocess.run(["go", "install", flags, f"{_MODULE}/cmd/buildkitd@{VERSION}"], env=env, check=True)
    return program


@contextlib.contextmanager
def running_buildkit(program: Path, engine: Engine) -> Iterator[RunningBuildkit]:
    """Start the daemon in the engine's namespaces, with the engine's runc, and make it a builder of buildx."""
    directory = engine.directory
    place = directory / "buildkit.socket"
    place.unlink(missing_ok=True)
    argv = [
        "nsenter", f"--target={engine.root_pid}", "--user", "--mount", "--net", "--cgroup", "--pid",
        str(program), "--addr", f"unix://{place}", "--root", f"{directory}/data/buildkitd",
        "--oci-worker-snapshotter", "overlayfs", "--oci-worker-net", "host",
    ]  # fmt: skip
    env = {**engine.environ(), "PATH": f"{engine.path_dirs}:/usr/sbin:/usr/bin:/sbin:/bin"}
    with (directory / "buildkit.log").open("wb") as log:
        process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while b"running server" not in (directory / "buildkit.log").read_bytes():
            assert process.poll() is None, (directory / "buildkit.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        engine.docker("buildx", "create", "--name", "own", "--driver", "remote", f"unix://{place}")
        yield RunningBuildkit(builder="own", process=process)
        engine.docker("buildx", "rm", "own", check=False)  # a test may have removed it
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the daemon at once; nsenter itself waits for it."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for child in children.read_text().split() if process.poll() is None else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(child), 9)
    process.wait(timeout=START_TIMEOUT_S)
