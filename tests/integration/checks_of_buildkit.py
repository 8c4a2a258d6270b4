"""A builder that pushes by digest, for real: `nox -s buildkit` runs this, which pytest does not collect by itself.

BuildKit's daemon has to be compiled first, which takes longer than all else that CI does for images.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from pipeline.model.target import find_target

from .base_images import Bases
from .buildkit import RunningBuildkit, compiled, running_buildkit, stop
from .command import ROOT, Cli, Ended
from .conftest import TWO_TARGETS
from .engine import Engine
from .images import unpacked_layout
from .registry import RunningRegistry, running_registry
from .registry_proxy import Fault, Proxy, running_proxy

VARIANTS = ("alpine", "scratch")
TAGS = sorted(
    [f"{tag}-{variant}" for tag in ("0.1.0", "0.1") for variant in VARIANTS] + ["0.1", "0.1.0", "latest", *VARIANTS]
)
PATHS = ("team/pico", "other/pico")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Works:
    """Finished builds, a releases.toml, and who makes and keeps images of them."""

    cli: Cli
    engine: Engine
    directory: Path
    dist_dir: Path
    generator: str
    """Image that writes bills of materials."""

    @property
    def env(self) -> Mapping[str, str]:
        env = self.engine.environ()
        return env | {"PATH": f"{env['PATH']}:/usr/sbin:/sbin"}

    def words(self, *options: str | Path) -> tuple[str | Path, ...]:
        targets = [word for target in TWO_TARGETS for word in ("--target", target)]
        return ("image", "--spec", self.directory / "releases.toml", "--dist", self.dist_dir, *targets, *options)

    def publish(self, host: str, *options: str | Path, paths: tuple[str, ...] = PATHS) -> Ended:
        named = [word for path in paths for word in ("--repository", f"{host}/{path}")]
        words = ("--publish", self.directory / "out", "--sbom-generator", self.generator)
        return self.cli.run(*self.words(*words, *named, *options), env=self.env)


@pytest.fixture(scope="module")
def works(
    cli: Cli, engine: Engine, registry: RunningRegistry, pico_dist: Path, tmp_path_factory: pytest.TempPathFactory
) -> Works:
    directory = tmp_path_factory.mktemp("works")
    targets = tuple(map(find_target, ("amd64", *TWO_TARGETS)))
    bases = Bases(cli=cli, engine=engine, registry=registry, directory=directory / "b", targets=targets, fewer=targets)
    spec = tomlkit.parse((ROOT / "releases.toml").read_text())
    runtimes: Any = spec["runtimes"]
    runtimes["pico"]["image"] |= {"variants": list(VARIANTS), "bases": {"alpine": bases.alpine()}}
    # That they run is proved elsewhere; once is enough here.
    runtimes["pico"]["canaries"] = runtimes["pico"]["canaries"][:2]
    (directory / "releases.toml").write_text(tomlkit.dumps(spec))
    for name in ("examples", "canaries"):
        (directory / name).symlink_to(ROOT / name)
    assert cli.run("image", "--write", "--spec", directory / "releases.toml").exit_code == 0
    name, place = f"{registry.host}/sbom:1", ROOT / "dockerfiles/sbom"
    base = f"BASE={registry.host}/alpine:3.20"
    options = ("--push", "--tag", name, "--build-arg", base, "--file", place / "sbom.Dockerfile")
    engine.docker("buildx", "build", *options, place)
    return Works(cli=cli, engine=engine, directory=directory, dist_dir=pico_dist, generator=name)


@pytest.fixture(scope="module")
def program(cli: Cli) -> Path:
    return compiled(cli)


@pytest.fixture(scope="module")
def buildkit(program: Path, engine: Engine) -> Iterator[RunningBuildkit]:
    with running_buildkit(program, engine) as running:
        yield running


@pytest.fixture(scope="module")
def published(works: Works, registry: RunningRegistry, buildkit: RunningBuildkit) -> dict[str, Any]:
    ended = works.publish(registry.host, "--builder", buildkit.builder)
    assert ended.exit_code == 0, ended.stderr
    return ended.result


def test_the_builder_pushed_and_all_tags_are_there(published: dict[str, Any], registry: RunningRegistry) -> None:
    assert {image["pushed_by"] for image in published["images"]} == {"builder"}
    assert {image["repository"] for image in published["images"]} == {f"{registry.host}/{path}" for path in PATHS}
    for path in PATHS:
        tags = registry.tags(path)
        assert sorted(tags) == TAGS
        digests = {image["variant"]: image["digest"] for image in published["images"]}
        assert {variant: tags[f"0.1.0-{variant}"] for variant in VARIANTS} == digests


def test_platforms_are_those_of_a_layout(
    published: dict[str, Any], works: Works, buildkit: RunningBuildkit, tmp_path: Path
) -> None:
    """Made by the same builder, and exported instead; what is attested stands in the registry, too."""
    made = works.cli.run(
        *works.words("--bake", tmp_path / "baked", "--builder", buildkit.builder, "--sbom-generator", works.generator),
        env=works.env,
    )
    assert made.exit_code == 0, made.stderr
    for image in made.result["images"]:
        layout = unpacked_layout(Path(image["archive"]), tmp_path / image["variant"])
        exported = {platform: entry["digest"] for platform, entry in layout.platforms().items()}
        pushed = [item["platforms"] for item in published["images"] if item["variant"] == image["variant"]]
        assert pushed == [exported, exported]


def test_what_is_attested_is_there(published: dict[str, Any], registry: RunningRegistry) -> None:
    kept = registry.data_dir / "docker/registry/v2/blobs/sha256"
    for image in published["images"]:
        name = image["digest"].removeprefix("sha256:")
        index = json.loads((kept / name[:2] / name / "data").read_text())
        about = [
            item["annotations"].get("vnd.docker.reference.digest")
            for item in index["manifests"]
            if "annotations" in item
        ]
        assert set(image["platforms"].values()) <= set(about)


def test_both_say_no(
    published: dict[str, Any], works: Works, registry: RunningRegistry, buildkit: RunningBuildkit
) -> None:
    """An option, and the engine's own builder; nothing is sent again but what attestations are made of."""
    assert published
    for options in (("--by-layout", "--builder", buildkit.builder), ()):
        ended = works.publish(registry.host, *options, paths=("third/pico",))
        assert ended.exit_code == 0, ended.stderr
        assert {image["pushed_by"] for image in ended.result["images"]} == {"snapstitch"}
        assert sorted(registry.tags("third/pico")) == TAGS
        registry_tags = registry.data_dir / "docker/registry/v2/repositories/third/pico/_manifests/tags"
        for tag in registry_tags.iterdir():
            (tag / "current/link").unlink()


@pytest.fixture
def proxy(registry_dir: Path, engine: Engine, registry_program: Path) -> Iterator[Proxy]:
    """Yield a proxy in front of an empty registry, which the engine's network reaches."""
    with (
        running_registry(registry_program, registry_dir) as running,
        running_proxy(running) as standing,
        engine.reaches(int(standing.host.rpartition(":")[2])),
    ):
        yield standing


@pytest.fixture
def registry_dir(tmp_path: Path) -> Path:
    return tmp_path / "registry"


def no_tags(works: Works, proxy: Proxy, *options: str, exit_code: int = 34) -> str:
    ended = works.publish(proxy.host, *options)
    assert ended.exit_code == exit_code, ended.stderr
    assert [proxy.tags(path) for path in PATHS] == [{}, {}]
    error = json.loads(ended.stdout)["error"]
    return f"{error['what']} | {error['cause']}"


@pytest.mark.parametrize(
    ("status", "cause"), [(403, "does not let this login push"), (507, "is in trouble or out of space")]
)
def test_a_registry_that_refuses(
    works: Works, buildkit: RunningBuildkit, proxy: Proxy, status: int, cause: str
) -> None:
    proxy.faults.append(Fault(pattern="^PUT .*/manifests/", status=status, times=99, skip=2))
    assert cause in no_tags(works, proxy, "--builder", buildkit.builder)


def test_a_registry_that_loses_what_was_pushed(works: Works, buildkit: RunningBuildkit, proxy: Proxy) -> None:
    proxy.faults.append(Fault(pattern="^GET .*/manifests/", status=404, times=99))
    said = no_tags(works, proxy, "--builder", buildkit.builder, exit_code=35)
    assert ", which the builder pushed | the builder means another registry by that name" in said


def test_a_platform_that_fails(works: Works, buildkit: RunningBuildkit, proxy: Proxy, tmp_path: Path) -> None:
    """Its product is one of another architecture."""
    damaged = tmp_path / "dist"
    damaged.mkdir()
    for path in works.dist_dir.iterdir():
        (damaged / path.name).symlink_to(path)
    (zip_path,) = works.dist_dir.glob("*-s390x.zip")
    (other,) = works.dist_dir.glob("*-arm64.zip")
    (damaged / zip_path.name).unlink()
    (damaged / zip_path.name).symlink_to(other)
    broken = dataclasses.replace(works, dist_dir=damaged)
    no_tags(broken, proxy, "--builder", buildkit.builder, exit_code=12)


def test_a_builder_that_dies(works: Works, program: Path, buildkit: RunningBuildkit, proxy: Proxy) -> None:
    """In the middle of its push; the next one that is started goes on with what it kept."""
    killing: Callable[[], None] = lambda: stop(buildkit.process)  # noqa: E731
    proxy.faults.append(Fault(pattern="^PUT .*/blobs/", skip=3, after=killing))
    assert "the builder ended, or its connection did" in no_tags(works, proxy, "--builder", buildkit.builder)
    works.engine.docker("buildx", "rm", buildkit.builder)
    with running_buildkit(program, works.engine) as again:
        ended = works.publish(proxy.host, "--builder", again.builder)
        assert ended.exit_code == 0, ended.stderr
        assert [sorted(proxy.tags(path)) for path in PATHS] == [TAGS, TAGS]
