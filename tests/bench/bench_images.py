"""The same image for four platforms, built and pushed the usual way (QEMU runs each RUN) and ours, in one run.

    python -m tests.bench.bench_images [--dist DIR] [--buildkit] [--json FILE]

It takes root, and what tests/integration/engine.py takes. Without --dist, pico is built for all platforms first. With
--buildkit, ours is made once more by BuildKit's own daemon, which pushes by digest; it is compiled first. All are made
from the same finished builds on the same base, without attestations and with nothing of them cached, and go to the same
registry. Engine, builder, base and registry are there before the clock starts.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomlkit

from pipeline.context import Context
from pipeline.images.design import platform_dir
from pipeline.images.local import open_image
from pipeline.model.events import NullReporter
from pipeline.model.images.reference import parse_repository
from pipeline.model.target import Target, find_target
from pipeline.stages.images import push_image
from tests.integration.base_images import Bases
from tests.integration.buildkit import compiled, running_buildkit
from tests.integration.command import ROOT, Cli
from tests.integration.engine import Engine, running_engine
from tests.integration.packages import unpacked
from tests.integration.products import Built
from tests.integration.registry import RunningRegistry, running_registry

TARGETS = tuple(map(find_target, ("amd64", "arm64", "armhf", "s390x")))
VARIANT = "alpine"
# What packages do to images: unpack, link, add a user; no compiler and no package manager in it.
USUAL = """\
FROM {base}
ARG TARGETARCH
ARG TARGETVARIANT
COPY ${{TARGETARCH}}${{TARGETVARIANT}}/libc/ /
COPY ${{TARGETARCH}}${{TARGETVARIANT}}/product.zip /tmp/product.zip
RUN /bin/busybox mkdir -p /usr/lib/pico /usr/bin
RUN /bin/busybox unzip -q /tmp/product.zip -d /usr/lib/pico && /bin/busybox rm /tmp/product.zip
RUN /bin/busybox ln -s ../lib/pico/pico /usr/bin/pico && /bin/busybox chmod 755 /usr/lib/pico/pico
RUN echo 'pico:x:10001:10001::/home/pico:/bin/sh' >> /etc/passwd && echo 'pico:x:10001:' >> /etc/group
USER 10001:10001
ENTRYPOINT ["/usr/bin/pico"]
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """Where both are made."""

    cli: Cli
    engine: Engine
    registry: RunningRegistry
    directory: Path
    dist_dir: Path

    def options(self) -> tuple[str | Path, ...]:
        targets = [word for target in TARGETS for word in ("--target", target.name)]
        return ("image", "--spec", self.directory / "releases.toml", "--dist", self.dist_dir, *targets)

    def done(self, *words: str | Path) -> dict[str, Any]:
        ended = self.cli.run(*self.options(), *words)
        assert ended.exit_code == 0, ended.stderr
        return ended.result

    def timed(self, work: Callable[[], object]) -> dict[str, float]:
        """Return what *work* took: by the clock, and of CPU, for the engine and for what was started here."""
        cpu_s, started = total_cpu_s(self.engine), time.monotonic()
        work()
        return {
            "wall_s": round(time.monotonic() - started, 1),
            "cpu_s": round(total_cpu_s(self.engine) - cpu_s, 1),
        }


def total_cpu_s(engine: Engine) -> float:
    """Return the CPU seconds of all in the engine's namespace, and of this process, with children that have ended.

    (proc_pid_stat(5), fields 14 to 17.) The registry is not among them.
    """
    space, ticks = Path(f"/proc/{engine.root_pid}/ns/pid").readlink(), 0
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (place / "ns/pid").readlink() == space:
                ticks += sum(map(int, (place / "stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK") + sum(os.times()[:4])


def ours(bench: Bench) -> dict[str, Any]:
    """Lay the context out, bake, and push with the registry client; nothing is proved, as in the usual way."""
    image = bench.directory / "image"
    image.mkdir()
    layout = image / f"pico-{VARIANT}.oci.tar"

    def bake() -> None:
        words = ("--file", "bake.json", "--no-cache", "--provenance=false", f"pico-{VARIANT}")
        bench.engine.docker("buildx", "bake", *words, cwd=bench.directory)

    def push() -> None:
        context = Context(cache_dir=bench.directory, reporter=NullReporter(), environ=dict(os.environ))
        with tempfile.TemporaryDirectory() as scratch:
            opened = open_image(layout, Path(scratch))
            to = parse_repository(f"{bench.registry.host}/ours/pico")
            push_image.run(push_image.PushInputs(image=opened, repository=to), context)

    assert not bench.engine.emulated()
    steps = {"lay out": bench.timed(lambda: lay_out(bench)), "bake": bench.timed(bake), "push": bench.timed(push)}
    return {"steps": steps, "size_bytes": layout.stat().st_size}


def by_builder(bench: Bench, builder: str) -> dict[str, Any]:
    """Bake the same file with a builder that pushes by digest; what has to be laid out lies there."""
    file = json.loads((bench.directory / "bake.json").read_text())
    (target,) = file["target"].values()
    path = "builder/pico"
    output = f"type=image,name={bench.registry.host}/{path},push=true,push-by-digest=true,oci-mediatypes=true"
    target |= {"tags": [], "output": [output]}
    (bench.directory / "builder.json").write_text(json.dumps(file))

    def bake() -> None:
        words = ("--builder", builder, "--file", "builder.json", "--no-cache", "--provenance=false")
        bench.engine.docker("buildx", "bake", *words, f"pico-{VARIANT}", cwd=bench.directory)

    steps = {"lay out": bench.timed(lambda: lay_out(bench)), "bake and push": bench.timed(bake)}
    return {"steps": steps, "size_bytes": stored_bytes(bench.registry, path)}


def lay_out(bench: Bench) -> None:
    bench.done("--context", bench.directory / "context")
    file = bench.done("--print", "--context", bench.directory / "context")
    file["target"] = {f"pico-{VARIANT}": file["target"][f"pico-{VARIANT}"] | {"attest": []}}
    (bench.directory / "bake.json").write_text(json.dumps(file))


def usual(bench: Bench, base: str) -> dict[str, Any]:
    """Build with a RUN for everything, each of three platforms emulated, and push."""
    context = bench.directory / "usual"
    for target in TARGETS:
        place = context / platform_dir(target)
        shutil.copytree(bench.directory / "context" / platform_dir(target) / "libc", place / "libc")
        (zip_path,) = bench.dist_dir.glob(f"*-{target.name}.zip")
        shutil.copy(zip_path, place / "product.zip")
        emulate(bench.engine, target)
    (context / "Dockerfile").write_text(USUAL.format(base=base))
    name = f"{bench.registry.host}/usual/pico:1"
    wanted = ",".join(target.oci_platform for target in TARGETS)
    options = ("--platform", wanted, "--provenance=false", "--no-cache", "--tag", name)

    def build() -> None:
        bench.engine.docker("buildx", "build", *options, context)

    def push() -> None:
        bench.engine.docker("push", name)

    steps = {"build": bench.timed(build), "push": bench.timed(push)}
    raw = json.loads(bench.engine.docker("buildx", "imagetools", "inspect", "--raw", name).stdout)
    assert len(raw["manifests"]) == len(TARGETS)
    return {"steps": steps, "size_bytes": stored_bytes(bench.registry, "usual/pico")}


def emulate(engine: Engine, target: Target) -> None:
    if target.elf_machine != find_target("amd64").elf_machine:
        engine.emulate(target)


def stored_bytes(registry: RunningRegistry, path: str) -> int:
    """Return the bytes of all blobs of a repository."""
    root = registry.data_dir / "docker/registry/v2"
    links = (root / "repositories" / path / "_layers/sha256").iterdir()
    return sum((root / "blobs/sha256" / link.name[:2] / link.name / "data").stat().st_size for link in links)


def table(result: dict[str, Any]) -> str:
    def total(way: str, key: str) -> float:
        return sum(float(step[key]) for step in result[way]["steps"].values())

    ways = [way for way in ("ours", "builder") if way in result]
    lines = [f"| | usual, emulated | {' | '.join(ways)} |", f"|---|---:|{'---:|' * len(ways)}"]
    for title, key in (("whole, wall clock", "wall_s"), ("CPU", "cpu_s")):
        base = total("usual", key)
        cells = [f"{total(way, key):.1f} s ({base / total(way, key):.2f})" for way in ways]
        lines.append(f"| {title} | {base:.1f} s | {' | '.join(cells)} |")
    for way in ("usual", *ways):
        for name, step in result[way]["steps"].items():
            lines.append(f"| {way}: {name} | {step['wall_s']:.1f} s, {step['cpu_s']:.1f} s CPU |")
    sizes = " | ".join(f"{result[way]['size_bytes']:,}" for way in ("usual", *ways))
    return "\n".join([*lines, f"| size, four platforms | {sizes} |"])


def measure(cli: Cli, directory: Path, dist_dir: Path, *, buildkit: bool) -> dict[str, Any]:
    program = unpacked(cli, "docker-registry") / "usr/bin/docker-registry"
    with (
        running_engine(cli) as engine,
        running_registry(program, directory / "registry") as registry,
        engine.reaches(registry.port),
    ):
        bases = Bases(
            cli=cli, engine=engine, registry=registry, directory=directory / "bases", targets=TARGETS, fewer=()
        )
        base = bases.alpine()
        write_spec(directory, base)
        bench = Bench(cli=cli, engine=engine, registry=registry, directory=directory, dist_dir=dist_dir)
        written = cli.run("image", "--write", "--spec", directory / "releases.toml")
        assert written.exit_code == 0, written.stderr
        made = {"ours": ours(bench)}
        if buildkit:
            with running_buildkit(compiled(cli), engine) as builder:
                made["builder"] = by_builder(bench, builder.builder)
        return made | {"usual": usual(bench, base)}


def write_spec(directory: Path, base: str) -> None:
    spec = tomlkit.parse((ROOT / "releases.toml").read_text())
    runtimes: Any = spec["runtimes"]
    runtimes["pico"]["image"] |= {"bases": {VARIANT: base}, "variants": [VARIANT]}
    (directory / "releases.toml").write_text(tomlkit.dumps(spec))
    for name in ("examples", "canaries"):
        (directory / name).symlink_to(ROOT / name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dist", type=Path, help="finished builds of pico for all four platforms")
    parser.add_argument("--buildkit", action="store_true", help="also by a builder that pushes by digest")
    parser.add_argument("--json", type=Path, help="where the figures go")
    options = parser.parse_args()
    cli = Cli(cache_dir=Path(os.environ.get("SNAPSTITCH_TEST_CACHE", ROOT / ".nox/test-cache")))
    with tempfile.TemporaryDirectory(prefix="bench-images-") as name:
        directory = Path(name)
        if not options.dist:
            for target in TARGETS:
                Built(cli, target.name, directory / target.name, out_dir=directory / "dist")
        result = measure(cli, directory, (options.dist or directory / "dist").absolute(), buildkit=options.buildkit)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    sys.stdout.write(f"{table(result)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
