"""A small project with images that are pushed again and again; their programs are never run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline.model.target import find_target
from tests.unit.images.made import base_layout_of, finished_build, library

from .command import Ended
from .forked import ForkedCli

SPEC = """\
schema = 1
default-runtime = "app"
[runtimes.app]
source = { kind = "git", url = "https://example.org/app.git", rev = "0123456789012345678901234567890123456789" }
package = "app"
binaries = ["app"]
targets = ["arm64", "armhf"]
[runtimes.app.image]
variants = ["debian", "ubuntu"]
"""
TARGETS = ("arm64", "armhf")
OWN_TAGS = ("1.0.0", "1.0.0-debian", "1.0.0-ubuntu")
MOVING_TAGS = ("1.0", "1", "latest", "1.0-debian", "1-debian", "debian", "1.0-ubuntu", "1-ubuntu", "ubuntu")
ALL_TAGS = sorted((*OWN_TAGS, *MOVING_TAGS))
PATH = "team/app"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Project:
    """Finished builds and a layout of each variant."""

    cli: ForkedCli
    directory: Path

    def layout(self, name: str, variant: str, *options: str) -> str:
        made = self.cli.run(
            "image", "--layout", name, "--variant", variant, "--base-layout", f"base-{variant}", *options,
            cwd=self.directory,
        )  # fmt: skip
        assert made.exit_code == 0, made.stderr
        return str(made.result["digest"])

    def arguments(self, *hosts: str) -> list[str]:
        repositories = [f"--repository={host}/{PATH}" for host in hosts]
        return ["image", "--push", "debian=debian", "--push", "ubuntu=ubuntu", *repositories]

    def push(self, *hosts: str, env: dict[str, str] | None = None) -> Ended:
        self.directory.joinpath("app.push.json").unlink(missing_ok=True)
        return self.push_on(*hosts, env=env)

    def push_on(self, *hosts: str, env: dict[str, str] | None = None) -> Ended:
        """Push with the journal of an earlier run."""
        return self.cli.run(*self.arguments(*hosts), cwd=self.directory, env=env)


def make_project(forked: ForkedCli, place: Path) -> Project:
    """Make two builds and an image of each variant in the directory *place*."""
    (place / "releases.toml").write_text(SPEC)
    libc: dict[str, dict[str, bytes]] = {}
    for target in TARGETS:
        finished_build(place / "dist", target)
        loader = find_target(target).interpreter.lstrip("/")
        libc[find_target(target).oci_platform] = {n: library(target, Path(n).name) for n in ("lib/libc.so.6", loader)}
    made = Project(cli=forked, directory=place)
    for variant in ("debian", "ubuntu"):
        base_layout_of(place / f"base-{variant}", libc)
        made.layout(variant, variant)
    return made
