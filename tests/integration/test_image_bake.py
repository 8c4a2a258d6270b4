"""Images of the real thing for four platforms, baked by a real engine and run by it as people run them."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from pipeline.model.target import find_target, target_of_machine

from .base_images import BUSYBOX, Bases
from .command import ROOT, Cli
from .conftest import IMAGE_TARGETS, TWO_TARGETS
from .engine import Engine
from .images import Layout, unpacked_layout
from .registry import RunningRegistry

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow, pytest.mark.root]

PLATFORMS = {find_target(name).oci_platform: find_target(name) for name in IMAGE_TARGETS}
TWO = tuple(find_target(name).oci_platform for name in TWO_TARGETS)
VARIANTS = ("debian", "ubuntu", "alpine", "scratch")
FOR_ALL = "alpine"
"""Variant that is made for all platforms, by hand; for two of them it is made twice."""
RUNS = [(variant, platform) for variant in VARIANTS for platform in (PLATFORMS if variant == FOR_ALL else TWO)]
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

    def options(self, platforms: Iterable[str] = TWO) -> tuple[str | Path, ...]:
        targets = [word for platform in platforms for word in ("--target", PLATFORMS[platform].name)]
        return ("image", "--spec", self.directory / "releases.toml", "--dist", self.dist_dir, *targets)

    def bake(self, out_dir: Path, *options: str | Path) -> dict[str, Any]:
        env = self.engine.environ()
        path = f"{env['PATH']}:/usr/sbin:/sbin"
        made = self.cli.run(*self.options(), "--bake", out_dir, *options, env=env | {"PATH": path})
        assert made.exit_code == 0, made.stderr
        return {image["variant"]: image for image in made.result["images"]}


def host_platform() -> str:
    host = target_of_machine(os.uname().machine)
    assert host
    return host.oci_platform


@pytest.fixture(scope="module")
def workshop(
    cli: Cli, engine: Engine, registry: RunningRegistry, pico_dist: Path, tmp_path_factory: pytest.TempPathFactory
) -> Workshop:
    directory = tmp_path_factory.mktemp("workshop")
    targets = tuple(PLATFORMS.values())
    fewer = tuple(PLATFORMS[name] for name in (host_platform(), *TWO))
    bases = Bases(
        cli=cli, engine=engine, registry=registry, directory=directory / "bases", targets=targets, fewer=fewer
    )
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
    place = tmp_path_factory.mktemp("baked") / "images"
    made = workshop.bake(place, "--resolve-bases", "--sbom-generator", generator)
    return {variant: Path(image["archive"]) for variant, image in made.items()}


@pytest.fixture(scope="module")
def layouts(baked: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Layout]:
    place = tmp_path_factory.mktemp("layouts")
    return {variant: unpacked_layout(archive, place / variant) for variant, archive in baked.items()}


@pytest.fixture(scope="module")
def by_hand(
    workshop: Workshop, generator: str, baked: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Bake one variant for all platforms as a person does, with nothing left of what was baked before.

    Its base is pinned by a file, and not by our own look at the registry, as the first time.
    """
    assert baked
    place, options = tmp_path_factory.mktemp("by hand"), workshop.options(PLATFORMS)
    assert workshop.cli.run(*options, "--context", place / "context").exit_code == 0
    base = f"{workshop.registry.host}/alpine:3.20"
    (place / "base").write_text(workshop.engine.docker("buildx", "imagetools", "inspect", "--raw", base).stdout)
    pinned = ("--base-index", f"{FOR_ALL}={place}/base")
    printed = workshop.cli.run(
        *options, "--print", "--context", place / "context", *pinned, "--sbom-generator", generator
    )
    assert printed.exit_code == 0, printed.stderr
    (place / "bake.json").write_text(printed.stdout)
    (place / "image").mkdir()
    workshop.engine.docker("builder", "prune", "--all", "--force")
    workshop.engine.docker("buildx", "bake", "--file", "bake.json", f"pico-{FOR_ALL}", cwd=place)
    assert not workshop.engine.emulated()
    shutil.rmtree(place / "context")
    return place / f"image/pico-{FOR_ALL}.oci.tar"


@pytest.fixture(scope="module")
def loaded(baked: dict[str, Path], by_hand: Path, engine: Engine, registry: RunningRegistry) -> dict[str, str]:
    """Return the name of each variant's image, in the registry of an engine that emulates from now on."""
    for target in PLATFORMS.values():
        if target.oci_platform != host_platform():
            engine.emulate(target)
    names = {}
    for variant, archive in (baked | {FOR_ALL: by_hand}).items():
        engine.docker("load", "--input", archive)
        name = f"pico:0.1.0-{variant}"
        names[variant] = f"{registry.host}/{name}"
        engine.docker("tag", name, names[variant])
        engine.docker("push", names[variant])
        engine.docker("image", "rm", name, names[variant])
    return names


def test_each_variant_has_its_platforms(layouts: dict[str, Layout]) -> None:
    assert set(layouts) == set(VARIANTS)
    assert {frozenset(layout.platforms()) for layout in layouts.values()} == {frozenset(TWO)}


def test_two_bakes_give_equal_manifests(layouts: dict[str, Layout], by_hand: Path, tmp_path: Path) -> None:
    again = unpacked_layout(by_hand, tmp_path)
    assert set(again.platforms()) == set(PLATFORMS)
    for platform in TWO:
        assert again.platforms()[platform]["digest"] == layouts[FOR_ALL].platforms()[platform]["digest"]


def test_variants_share_layers_and_leave_those_of_their_base(layouts: dict[str, Layout], workshop: Workshop) -> None:
    for platform in TWO:
        blobs = {
            variant: [layer["digest"] for layer in layouts[variant].manifest(platform)["layers"]]
            for variant in VARIANTS
        }
        assert len({digests[-1] for digests in blobs.values()}) == 1
        for variant in ("debian", "alpine"):
            kept = workshop.registry.data_dir / "docker/registry/v2/blobs/sha256"
            first = blobs[variant][0].removeprefix("sha256:")
            assert (kept / first[:2] / first / "data").is_file()


def test_the_base_is_pinned(workshop: Workshop, layouts: dict[str, Layout]) -> None:
    """By the digest that its registry has; labels and annotations of manifests and index say so."""
    for variant in ("debian", "ubuntu", "alpine"):
        layout = layouts[variant]
        labels = layout.config(TWO[0])["config"]["Labels"]
        name = labels["org.opencontainers.image.base.name"]
        tags = workshop.registry.tags(name.partition("/")[2].partition(":")[0])
        assert labels["org.opencontainers.image.base.digest"] == tags[name.rpartition(":")[2]]
        assert labels.items() <= layout.manifest(TWO[0])["annotations"].items()
        assert labels.items() <= layout.index()["annotations"].items()
        assert not any(":" in key for key in layout.manifest(TWO[0])["annotations"])


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_bill_of_materials_tells_what_the_build_told(layouts: dict[str, Layout], variant: str) -> None:
    parser = JsonLikeDictParser()  # type: ignore[no-untyped-call]
    for platform in TWO:
        statements = layouts[variant].statements(platform)
        documents = {
            said["predicate"]["name"]: said["predicate"] for said in statements if "spdx" in said["predicateType"]
        }
        own = documents.pop(f"pico-0.1.0-{PLATFORMS[platform].rust_triple}")
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runs:
    """Runs images as people do, with a script beside them."""

    engine: Engine
    names: dict[str, str]
    directory: Path

    def run(self, variant: str, platform: str, *words: str) -> str:
        place = ("--volume", f"{self.directory}:/app", "--workdir", "/app")
        options = ("--rm", "--pull", "always", "--quiet", "--platform", platform, *place)
        return self.engine.docker("run", *options, self.names[variant], *words).stdout


@pytest.fixture(scope="module")
def runs(engine: Engine, loaded: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Runs:
    directory = tmp_path_factory.mktemp("app")
    (directory / "app.js").write_text(SCRIPT)
    directory.chmod(0o755)
    return Runs(engine=engine, names=loaded, directory=directory)


@pytest.mark.parametrize(("variant", "platform"), RUNS)
def test_the_image_runs(runs: Runs, variant: str, platform: str) -> None:
    assert runs.run(variant, platform, "--version").startswith("pico 0.1.0")
    assert runs.run(variant, platform, "run", "app.js") == "answer 42\n"


@pytest.mark.parametrize("variant", VARIANTS[:-1])
def test_a_program_of_the_image_runs_too(runs: Runs, variant: str) -> None:
    """As the user that the image has."""
    assert runs.run(variant, TWO[0], "pico", "eval", "console.log(1)") == "1\n"
    # What the shell does itself: the stand-ins have little else.
    ids = "while read -r name number _; do case $name in Uid: | Gid:) echo $name $number ;; esac; done"
    assert runs.run(variant, TWO[0], "sh", "-c", f"{ids} < /proc/self/status") == f"Uid: {USER}\nGid: {USER}\n"


@pytest.mark.parametrize("variant", [FOR_ALL])
def test_a_signal_reaches_the_program(runs: Runs, variant: str) -> None:
    """It has no handler, and would not get it as process 1: the engine would kill it in the end (137)."""
    options = ("--detach", "--platform", host_platform(), runs.names[variant])
    container = runs.engine.docker("run", *options, "eval", "for (;;);").stdout.strip()
    runs.engine.docker("stop", "--time", "60", container)
    ended = runs.engine.docker("inspect", "--format", "{{.State.ExitCode}}", container).stdout
    runs.engine.docker("rm", container)
    assert ended == "143\n"


def test_the_machine_itself_emulates_nothing_of_it(engine: Engine) -> None:
    """Or the images could have been made and run with what is installed here."""
    table = Path("/proc/sys/fs/binfmt_misc")
    known = [path.read_text() for path in table.glob("*") if path.name not in {"register", "status"}]
    assert not any("qemu-s390x" in text for text in known)
    assert "qemu-s390x" in engine.emulated()


@pytest.fixture(scope="module")
def written(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Layout]:
    """Return two of the images, written without an engine; for the second, the base comes from the registry."""
    place = tmp_path_factory.mktemp("written")
    base = f"docker://{workshop.registry.host}/alpine:3.20"
    further: dict[str, tuple[str | Path, ...]] = {"scratch": (), "alpine": ("--base-layout", base)}
    for variant, named in further.items():
        words = (*workshop.options(), "--layout", place / variant, "--variant", variant, *named)
        made = workshop.cli.run(*words)
        assert made.exit_code == 0, made.stderr
    return {variant: Layout(directory=place / variant) for variant in further}


@pytest.mark.parametrize("variant", ["scratch", "alpine"])
def test_both_ways_write_the_same_layers(layouts: dict[str, Layout], written: dict[str, Layout], variant: str) -> None:
    for platform in TWO:
        baked_config, config = layouts[variant].config(platform), written[variant].config(platform)
        assert baked_config["rootfs"]["diff_ids"] == config["rootfs"]["diff_ids"]
        assert layouts[variant].files(platform) == written[variant].files(platform)
        for key in ("User", "Env", "Entrypoint", "Cmd"):
            assert baked_config["config"][key] == config["config"][key]


def test_a_layout_is_a_base_whose_blobs_stay(workshop: Workshop, written: dict[str, Layout], tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM base\n")
    layout = written["scratch"]
    (top,) = json.loads((layout.directory / "index.json").read_text())["manifests"]
    options = (
        "--build-context", f"base=oci-layout://{layout.directory}@{top['digest']}", "--platform", ",".join(TWO),
        "--output", f"type=oci,dest={tmp_path}/again.tar",
    )  # fmt: skip
    workshop.engine.docker("buildx", "build", *options, tmp_path)
    again = unpacked_layout(tmp_path / "again.tar", tmp_path / "again")
    for platform in TWO:
        digests = [[layer["digest"] for layer in each.manifest(platform)["layers"]] for each in (layout, again)]
        assert digests[0] == digests[1]
        assert again.statements(platform)


# What goes wrong, as people see it.


def failed(
    workshop: Workshop,
    tmp_path: Path,
    *options: str | Path,
    env: dict[str, str] | None = None,
    exit_code: int = 34,
    platforms: Iterable[str] = TWO,
) -> str:
    environ = workshop.engine.environ()
    path = f"{environ['PATH']}:/usr/sbin:/sbin"
    ended = workshop.cli.run(
        *workshop.options(platforms), "--bake", tmp_path / "out", *options, env=environ | {"PATH": path} | (env or {})
    )
    assert ended.exit_code == exit_code, ended.stderr
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


def test_a_base_that_lacks_a_platform(workshop: Workshop, generator: str, tmp_path: Path) -> None:
    """As the engine sees it, and as we see it before the engine is asked.

    Where the base has no index the engine takes it for every platform: our check afterwards refuses the image.
    """
    host = workshop.registry.host
    spec = tmp_path / "releases.toml"
    for name in ("examples", "canaries"):
        (tmp_path / name).symlink_to(ROOT / name)
    options = ("--spec", spec, "--sbom-generator", generator)
    workshop.engine.docker("buildx", "imagetools", "create", "--tag", f"{host}/lacking:1", f"{host}/{BUSYBOX}")
    found = {}
    endings = {"lacking:1": 34, BUSYBOX: 21}
    for base, exit_code in endings.items():
        described = tomlkit.parse((workshop.directory / "releases.toml").read_text())
        image: Any = described["runtimes"]["pico"]["image"]
        image["variants"] = ["alpine"]
        image["bases"] = {"alpine": f"{host}/{base}"}
        spec.write_text(tomlkit.dumps(described))
        assert workshop.cli.run("image", "--write", "--spec", spec).exit_code == 0
        said = failed(workshop, tmp_path, "--resolve-bases", *options, platforms=TWO[1:])
        assert said.startswith(f"the base {host}/{base} has nothing for linux/s390x | ")
        found[base] = failed(workshop, tmp_path, *options, exit_code=exit_code, platforms=TWO[1:])
    assert "a base has nothing for one of the platforms" in found["lacking:1"]
    assert "a program in it is for another platform" in found[BUSYBOX]
