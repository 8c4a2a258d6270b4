"""A release of three files, published against the stand-in; alone in a process, it can be killed.

Run as a program it forks a publisher for each line that it reads: importing once makes a hundred kills cheap.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
from pathlib import Path

from pipeline.context import Context
from pipeline.github.access import Access
from pipeline.github.patience import Patience
from pipeline.model.events import NullReporter
from pipeline.model.releases.release import PlannedAsset, ReleasePlan
from pipeline.net.exchange import Secret
from pipeline.orchestrate.releases.publishing import PublishOutcome, PublishRequest, publish_release
from tests.unit.github.world import REPOSITORY, TAG, TOKEN

QUICK = Patience(attempts=5, first_pause_s=0.002, longest_pause_s=0.01, write_gap_s=0, limit_pause_s=0.002)
NAMES = ("app-1.2.3-linux-arm64.zip", "app-1.2.3-linux-arm64.zip.sha256", "app-1.2.3-linux-arm64.build-info.json")
PLAN = ReleasePlan(
    assets=(
        PlannedAsset(pattern="app-[0-9]*-linux-arm64.zip", kind="zip", runtime="app", target="arm64"),
        PlannedAsset(pattern="app-[0-9]*-linux-arm64.zip.sha256", kind="sha256", runtime="app", target="arm64"),
        PlannedAsset(
            pattern="app-[0-9]*-linux-arm64.build-info.json", kind="build-info", runtime="app", target="arm64"
        ),
    )
)


def write_files(directory: Path, seed: str = "one") -> dict[str, bytes]:
    """Write the three files, and return them."""
    directory.mkdir(parents=True, exist_ok=True)
    content = hashlib.sha512(seed.encode()).digest() * 4096
    digest = hashlib.sha256(content).hexdigest()
    files = dict(zip(NAMES, (content, f"{digest}  {NAMES[0]}\n".encode(), f'{{"of": "{seed}"}}'.encode()), strict=True))
    for name, data in files.items():
        (directory / name).write_bytes(data)
    return files


def request_for(url: str, directory: Path, plan: ReleasePlan = PLAN) -> PublishRequest:
    access = Access(repository=REPOSITORY, api_url=url, token=Secret(TOKEN))
    return PublishRequest(access=access, tag=TAG, directory=directory, plan=plan, notes="Notes.", patience=QUICK)


def context_for(directory: Path) -> Context:
    return Context(cache_dir=directory, reporter=NullReporter(), environ={"PATH": os.defpath})


def publish(url: str, directory: Path, **changes: object) -> PublishOutcome:
    request = dataclasses.replace(request_for(url, directory), **changes)  # type: ignore[arg-type]
    return publish_release(request, context_for(directory))


def main() -> None:
    """Fork a publisher for each line ``[url, directory]``, tell its number, wait for it, tell how it ended."""
    while line := sys.stdin.readline():
        url, directory = json.loads(line)
        gate, opener = os.pipe()
        number = os.fork()
        if not number:
            try:
                os.read(gate, 1)
                publish(url, Path(directory))
            except BaseException:  # noqa: BLE001 - the status tells it
                os._exit(1)
            os._exit(0)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        sys.stdin.readline()  # it may begin once it is known whom to kill
        os.write(opener, b"1")
        os.close(opener)
        os.close(gate)
        _number, status = os.waitpid(number, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
