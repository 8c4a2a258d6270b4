"""Images of the real thing for four platforms, baked by a real engine and run by it as people run them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from pipeline.model.target import find_target

from .base_images import Bases
from .command import ROOT, Cli
from .conftest import IMAGE_TARGETS
from .engine import Engine
from .images import Layout, unpacked_layout
from .registry import RunningRegistry

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow, pytest.mark.root]

PLATFORMS = {find_target(name).oci_platform: find_target(name) for name in IMAGE_TARGETS}
TWICE = ("linux/arm64", "linux/s390x")
"""What is made once more, to be compared."""
VARIANTS = ("debian", "ubuntu", "alpine", "scratch")
SCRIPT = "console.log('answer', 6 * 7)"
USER = "10001"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Workshop:
    """A releases.toml whose bases are in the tests' registry, and what images are made of."""

    cli: Cli
    engine: Engine
    registry: RunningRegistry
    directory: Path
    dist_dir: Path
    bases: Bases

    @property
    def options(self) -> tuple[str | Path, ...]:
        return self.options_for(PLATFORMS)

    def options_for(self, platforms: Iterable[str]) -> tuple[str | Path, ...]:
        targets = [word for platform in platforms for word in ("--target", PLATFORMS[platform].name)]
        return ("image", "--spec", self.directory / "releases.toml", "--dist", self.dist_dir, *targets)

    def bake(self, out_dir: Path, *options: str | Path) -> dict[str, Any]:
        env = self.engine.environ()
        path = f"{env['PATH']}:/usr/sbin:/sbin"
        made = self.cli.run(*self.options, "--bake", out_dir, *options, env=env | {"PATH": path})
        assert made.exit_code == 0, made.stderr
        return {image["variant"]: image for image in made.result["images"]}


@pytest.fixture(scope="module")
def workshop(
    cli: Cli, engine: Engine, registry: RunningRegistry, pico_dist: Path, tmp_path_factory: pytest.TempPathFactory
) -> Workshop:
    directory = tmp_path_factory.mktemp("workshop")
    targets = tuple(PLATFORMS.values())
    bases = Bases(cli=cli, engine=engine, registry=registry, directory=directory / "bases", targets=targets)
    spec = tomlkit.parse((ROOT / "releases.toml").read_text())
    runtimes: Any = spec["runtimes"]
    runtimes["pico"]["image"]["bases"] = bases.push_all()
    (directory / "releases.toml").write_text(tomlkit.dumps(spec))
    (directory / "examples").symlink_to(ROOT / "examples")
    (directory / "canaries").symlink_to(ROOT / "canaries")
    written = cli.run("image", "--write", "--spec", directory / "releases.toml")
    assert written.exit_code == 0, written.stderr
    return Workshop(
        cli=cli, engine=engine, registry=registry, directory=directory, dist_dir=pico_dist, bases=bases
    )  # fmt: skip


@pytest.fixture(scope="module")
def generator(workshop: Workshop) -> str:
    """Return the name of the image that writes bills of materials, which is in the registry."""
    name = f"{workshop.registry.host}/sbom:1"
    place = ROOT / "dockerfiles/sbom"
    base = f"BASE={workshop.bases.busybox()}"
    options = ("--push", "--tag", name, "--build-arg", base, "--file", place / "sbom.Dockerfile")
    workshop.engine.docker("buildx", "build", *options, place)
    return name


@pytest.fixture(scope="module")
def baked(workshop: Workshop, generator: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the archive of each variant's image; while they are made, no foreign program can run."""
    if workshop.engine.emulated():
        pytest.fail("the engine emulates already: that baking needs no emulation would not be seen")
    made = workshop.bake(tmp_path_factory.mktemp("baked") / "images", "--sbom-generator", generator)
    return {variant: Path(image["archive"]) for variant, image in made.items()}


@pytest.fixture(scope="module")
def layouts(baked: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Layout]:
    place = tmp_path_factory.mktemp("layouts")
    return {variant: unpacked_layout(archive, place / variant) for variant, archive in baked.items()}


@pytest.fixture(scope="module")
def loaded(baked: dict[str, Path], engine: Engine, registry: RunningRegistry) -> dict[str, str]:
    """Return the name of each variant's image, pulled from the registry by an engine that emulates."""
    for target in PLATFORMS.values():
        if target.name != "amd64":
            engine.emulate(target)
    names = {}
    for variant, archive in baked.items():
        engine.docker("load", "--input", archive)
        name = f"pico:0.1.0-{variant}"
        names[variant] = f"{registry.host}/{name}"
        engine.docker("tag", name, names[variant])
        engine.docker("push", names[variant])
    return names


def test_each_variant_has_all_platforms(layouts: dict[str, Layout]) -> None:
    assert set(layouts) == set(VARIANTS)
    assert {frozenset(layout.platforms()) for layout in layouts.values()} == {frozenset(PLATFORMS)}


def test_two_bakes_give_equal_manifests(
    workshop: Workshop, generator: str, layouts: dict[str, Layout], tmp_path: Path
) -> None:
    """The second time by hand, with nothing left of the first."""
    context = tmp_path / "context"
    assert workshop.cli.run(*workshop.options_for(TWICE), "--context", context).exit_code == 0
    options = ("--print", "--context", context, "--sbom-generator", generator)
    (tmp_path / "bake.json").write_text(workshop.cli.run(*workshop.options_for(TWICE), *options).stdout)
    (tmp_path / "image").mkdir()
    workshop.engine.docker("builder", "prune", "--all", "--force")
    workshop.engine.docker("buildx", "bake", "--file", "bake.json", "pico-debian", "pico-scratch", cwd=tmp_path)
    for variant in ("debian", "scratch"):
        again = unpacked_layout(tmp_path / f"image/pico-{variant}.oci.tar", tmp_path / variant)
        assert set(again.platforms()) == set(TWICE)
        for platform, descriptor in again.platforms().items():
            assert descriptor["digest"] == layouts[variant].platforms()[platform]["digest"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_bill_of_materials_tells_what_the_build_told(layouts: dict[str, Layout], variant: str) -> None:
    parser = JsonLikeDictParser()  # type: ignore[no-untyped-call]
    for platform, target in PLATFORMS.items():
        statements = layouts[variant].statements(platform)
        documents = {
            said["predicate"]["name"]: said["predicate"] for said in statements if "spdx" in said["predicateType"]
        }
        own = documents.pop(f"pico-0.1.0-{target.rust_triple}")
        assert {"pico", "pico_v8", "nodejs"} & {package["name"] for package in own["packages"]}
        if variant == "scratch":
            assert documents == {}
        else:
            (base,) = documents.values()
            names = {package["name"] for package in base["packages"]}
            assert names >= ({"musl", "busybox"} if variant == "alpine" else {"libc6", "dash"})
        for document in (own, *documents.values()):
            assert validate_full_spdx_document(parser.parse(document)) == []
        digest = layouts[variant].platforms()[platform]["digest"]
        assert {subject["digest"]["sha256"] for said in statements for subject in said["subject"]} == {digest[7:]}


def test_provenance_names_what_was_baked(layouts: dict[str, Layout]) -> None:
    statements = layouts["debian"].statements("linux/s390x")
    (provenance,) = [said["predicate"] for said in statements if "provenance" in said["predicateType"]]
    assert any("debian" in material["uri"] for material in provenance["materials"])


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_image_runs(engine: Engine, loaded: dict[str, str], tmp_path: Path, variant: str, platform: str) -> None:
    """As people run it, as the user that the image has."""
    (tmp_path / "app.js").write_text(SCRIPT)
    tmp_path.chmod(0o755)
    fixed = (
        "run",
        "--rm",
        "--pull",
        "always",
        "--platform",
        platform,
        "--volume",
        f"{tmp_path}:/app",
        "--workdir",
        "/app",
    )

    def run(*words: str) -> str:
        return engine.docker(*fixed, loaded[variant], *words).stdout

    assert run("run", "app.js") == "answer 42\n"
    if variant == "scratch":
        return
    assert run("pico", "eval", "console.log(1)") == "1\n"
    # What the shell does itself: the stand-ins have little else.
    ids = "while read -r name number _; do case $name in Uid: | Gid:) echo $name $number ;; esac; done"
    assert run("sh", "-c", f"{ids} < /proc/self/status") == f"Uid: {USER}\nGid: {USER}\n"


def test_the_machine_itself_emulates_nothing_of_it(engine: Engine) -> None:
    """Or the images could have been made and run with what is installed here."""
    table = Path("/proc/sys/fs/binfmt_misc")
    known = [path.read_text() for path in table.glob("*") if path.name not in {"register", "status"}]
    assert not any("qemu-s390x" in text for text in known)
    assert "qemu-s390x" in engine.emulated()


@pytest.fixture(scope="module")
def written(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Layout]:
    """Return the same images, written without an engine."""
    place = tmp_path_factory.mktemp("written")
    base = f"FROM {workshop.registry.host}/alpine:3.20\n"
    (place / "Dockerfile").write_text(base)
    options = ("--platform", ",".join(TWICE), "--provenance=false", "--output", f"type=oci,dest={place}/base.tar")
    workshop.engine.docker("buildx", "build", *options, place)
    unpacked_layout(place / "base.tar", place / "base")
    further: dict[str, tuple[str | Path, ...]] = {"scratch": (), "alpine": ("--base-layout", place / "base")}
    for variant, named in further.items():
        words = (*workshop.options_for(TWICE), "--layout", place / variant, "--variant", variant, *named)
        made = workshop.cli.run(*words)
        assert made.exit_code == 0, made.stderr
    return {variant: Layout(directory=place / variant) for variant in further}


@pytest.mark.parametrize("variant", ["scratch", "alpine"])
def test_both_ways_write_the_same_layers(layouts: dict[str, Layout], written: dict[str, Layout], variant: str) -> None:
    """All but those of the base, whose times are set, too: by the engine only."""
    for platform in TWICE:
        baked_config, config = layouts[variant].config(platform), written[variant].config(platform)
        own = slice(0 if variant == "scratch" else 1, None)
        assert baked_config["rootfs"]["diff_ids"][own] == config["rootfs"]["diff_ids"][own]
        assert layouts[variant].files(platform) == written[variant].files(platform)
        for key in ("User", "Env", "Entrypoint", "Cmd"):
            assert baked_config["config"][key] == config["config"][key]


def test_a_layout_is_a_base_whose_blobs_stay(workshop: Workshop, written: dict[str, Layout], tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM base\n")
    layout = written["scratch"]
    (top,) = json.loads((layout.directory / "index.json").read_text())["manifests"]
    options = (
        "--build-context", f"base=oci-layout://{layout.directory}@{top['digest']}", "--platform", ",".join(TWICE),
        "--output", f"type=oci,dest={tmp_path}/again.tar",
    )  # fmt: skip
    workshop.engine.docker("buildx", "build", *options, tmp_path)
    again = unpacked_layout(tmp_path / "again.tar", tmp_path / "again")
    for platform in TWICE:
        digests = [[layer["digest"] for layer in each.manifest(platform)["layers"]] for each in (layout, again)]
        assert digests[0] == digests[1]
        assert again.statements(platform)


# What goes wrong, as people see it.


def failed(workshop: Workshop, tmp_path: Path, *options: str | Path, env: dict[str, str] | None = None) -> str:
    environ = workshop.engine.environ()
    path = f"{environ['PATH']}:/usr/sbin:/sbin"
    ended = workshop.cli.run(
        *workshop.options, "--bake", tmp_path / "out", *options, env=environ | {"PATH": path} | (env or {})
    )
    assert ended.exit_code == 34, ended.stderr
    assert not (tmp_path / "out").exists()
    error = json.loads(ended.stdout)["error"]
    return f"{error['what']} | {error['cause']} | {error['action']}"


def test_no_docker(workshop: Workshop, tmp_path: Path) -> None:
    assert failed(workshop, tmp_path, env={"PATH": "/usr/sbin:/sbin"}) == (
        "there is no docker on this machine | it is not on the PATH | "
        "install Docker with its buildx plugin, or write the images without an engine: --layout"
    )


def test_no_buildx(workshop: Workshop, tmp_path: Path) -> None:
    said = failed(workshop, tmp_path, env={"DOCKER_CONFIG": str(tmp_path)})
    assert said.partition(" | ")[0].endswith("/docker has no buildx")


def test_no_such_builder(workshop: Workshop, tmp_path: Path) -> None:
    assert failed(workshop, tmp_path, "--builder", "nobody") == (
        "there is no builder 'nobody' | it was removed, or never made for this user and this engine | "
        "choose one that `docker buildx ls` lists, or leave --builder out"
    )


def test_no_engine(workshop: Workshop, tmp_path: Path) -> None:
    said = failed(workshop, tmp_path, env={"DOCKER_HOST": f"unix://{tmp_path}/none"})
    assert said.startswith("the builder of images does not answer: ")
    assert "the engine does not run" in said
