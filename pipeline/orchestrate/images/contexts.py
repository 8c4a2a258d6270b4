"""From finished builds to images: Dockerfiles, build contexts, and the file that bake goes by."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import ImageError, NetworkError, StaleFileError
from pipeline.images.bake import BakePlan, bake_file
from pipeline.images.bases import BaseIndex, check_platforms
from pipeline.images.design import Design, designs, platforms
from pipeline.images.dockerfile import HEADER, SUFFIX, dockerfile, file_name
from pipeline.images.facts import ImageFacts, make_facts
from pipeline.images.lint import emulated_runs
from pipeline.images.tags import version_tags
from pipeline.model.build import BuildRequest
from pipeline.model.spec.images import ImageSpec, Variant
from pipeline.model.spec.tables import RuntimeSpec, Spec
from pipeline.orchestrate.job import toolbox_inputs
from pipeline.releasing.builds import FinishedBuild
from pipeline.stages.building import toolbox
from pipeline.stages.images import fetch_init, lay_out_image, look_up_bases
from pipeline.stages.releases import collect_builds

DOCKERFILES_DIR = Path("dockerfiles")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """What images are to be made of. Paths are absolute."""

    request: BuildRequest
    """The runtime and its targets."""
    runtime_name: str
    dist_dirs: tuple[Path, ...]
    revision: str | None = None
    """Commit of the sources."""
    bases: Mapping[Variant, BaseIndex] = dataclasses.field(default_factory=dict)
    """Indexes of bases that are known."""
    published: tuple[str, ...] = ()
    """Versions that are there already."""

    @property
    def designs(self) -> tuple[Design, ...]:
        """Return the design of every variant; raises ImageError where the runtime has no images."""
        found = runtime_designs(self.runtime_name, self.request.runtime)
        if not found:
            raise ImageError(
                f"releases.toml describes no images of {self.runtime_name}",
                cause="it has no table for them",
                action=f"add [runtimes.{self.runtime_name}.image]; docs/images.md describes it",
            )
        return found

    @property
    def spec(self) -> ImageSpec:
        """Return what releases.toml says about the images; raises ImageError as designs does."""
        return self.designs[0].spec


@dataclasses.dataclass(frozen=True, kw_only=True)
class BakePlaces:
    """Where ``docker buildx bake`` finds and leaves things, as it is to read them."""

    context: str
    dockerfiles: str
    layouts: str
    pushed_to: tuple[str, ...] = ()
    """Repositories that the builder pushes to instead, by digest."""
    sbom_generator: str | None = None


def runtime_designs(name: str, runtime: RuntimeSpec) -> tuple[Design, ...]:
    """Return the designs of a runtime's images; empty when it has none."""
    program = (*runtime.binaries, runtime.package or name)[0]
    return designs(name, program, runtime.image) if runtime.image else ()


def dockerfiles_of(spec: Spec) -> dict[str, str]:
    """Return the text of every Dockerfile that *spec* asks for, by its place below ``dockerfiles/``."""
    return {
        file_name(design): dockerfile(design)
        for name, runtime in spec.runtimes.items()
        for design in runtime_designs(name, runtime)
    }


def write_dockerfiles(spec: Spec, directory: Path) -> tuple[str, ...]:
    """Write those that are not as they should be, remove old ones of ours, and return their places."""
    changed = _stale(spec, directory)
    for place, text in changed.items():
        if text is None:
            (directory / place).unlink()
        else:
            fs.write_text(directory / place, text)
    return tuple(changed)


def check_dockerfiles(spec: Spec, directory: Path) -> tuple[str, ...]:
    """Return the places of all Dockerfiles in *directory*, which are as they should be and need no emulation.

    Raises ImageError for a RUN on the target's platform, StaleFileError for a file that is not as it should be.
    """
    places = sorted(path.relative_to(directory).as_posix() for path in directory.rglob(f"*{SUFFIX}"))
    faults = [
        f"{directory.name}/{place}: {fault}"
        for place in places
        for fault in emulated_runs((directory / place).read_text(encoding="utf-8"))
    ]
    if faults:
        raise ImageError(
            f"Dockerfiles run programs of the target {'once' if len(faults) == 1 else f'{len(faults)} times'}",
            cause="each RUN in such a stage is emulated: many times slower, and impossible without an emulator",
            action="move it to a stage with --platform=${BUILDPLATFORM}, and copy what it makes",
            details="\n".join(faults),
        )
    if stale := _stale(spec, directory):
        raise StaleFileError(
            f"Dockerfiles are not what releases.toml asks for: {', '.join(stale)}",
            cause=f"releases.toml was changed, or a generated file in {directory}",
            action="run `nox -s image -- --write` and commit what it writes",
        )
    return tuple(places)


def _stale(spec: Spec, directory: Path) -> dict[str, str | None]:
    wanted = dockerfiles_of(spec)
    stale: dict[str, str | None] = {place: text for place, text in wanted.items() if _read(directory / place) != text}
    for path in sorted(directory.rglob(f"*{SUFFIX}")):
        place = path.relative_to(directory).as_posix()
        if place not in wanted and (_read(path) or "").startswith(HEADER):
            stale[place] = None
    return stale


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def resolve_bases(request: ImageRequest, context: Context) -> ImageRequest:
    """Return the request with the index of every base, those that are not known looked up in their registries.

    Raises ImageError for a base that lacks a platform, RegistryError, NetworkError.
    """
    bases = {design.variant: design.spec.base(design.variant) for design in request.designs}
    names = {variant: base for variant, base in bases.items() if base and variant not in request.bases}
    if names and context.offline:
        raise NetworkError(
            "bases cannot be looked up with --offline",
            cause="--offline was given",
            action="give the index of each base with --base-index, or leave --resolve-bases out",
        )
    found = look_up_bases.run(look_up_bases.LookUpInputs(names=names), context)
    resolved = dataclasses.replace(request, bases={**request.bases, **found})
    check_bases(resolved)
    return resolved


def check_bases(request: ImageRequest) -> None:
    """See that every base whose index is known has all platforms; raises ImageError."""
    wanted = platforms(item.target for item in request.request.targets)
    for index in request.bases.values():
        check_platforms(index, wanted)


def bake(request: ImageRequest, places: BakePlaces, context: Context) -> str:
    """Return the file that bake goes by.

    Raises ImageError, ReleaseError for builds that are missing or do not belong together, IntegrityError.
    """
    facts = image_facts(request, finished(request, context))
    plan = BakePlan(
        designs=request.designs,
        facts=facts,
        tags=version_tags(facts.version, request.published),
        context=places.context,
        dockerfiles=places.dockerfiles,
        layouts=places.layouts,
        pushed_to=places.pushed_to,
        sbom_generator=places.sbom_generator,
    )
    return bake_file(plan)


def image_facts(request: ImageRequest, builds: tuple[FinishedBuild, ...]) -> ImageFacts:
    """Return what is true of all images; raises ImageError for a base that lacks a platform."""
    check_bases(request)
    digests: dict[str, str] = {variant: index.digest for variant, index in request.bases.items()}
    return make_facts(builds, request.request.runtime, revision=request.revision, base_digests=digests)


def finished(request: ImageRequest, context: Context) -> tuple[FinishedBuild, ...]:
    """Return the build of each target, in the order of the targets.

    Raises ImageError when one is missing, ReleaseError and IntegrityError as collecting them does.
    """
    all_builds = collect_builds.run(collect_builds.CollectInputs(dist_dirs=request.dist_dirs), context)
    by_target = {build.subject.target: build for build in all_builds if build.subject.name == request.request.name}
    names = [item.target.name for item in request.request.targets]
    if missing := [name for name in names if name not in by_target]:
        raise ImageError(
            f"there is no finished build of {request.runtime_name} for {', '.join(missing)}",
            cause="an image has all platforms of its runtime, or those that --target names",
            action="build for them, too, or give --target for each one that is there",
        )
    return tuple(by_target[name] for name in names)


def lay_out(request: ImageRequest, context_dir: Path, context: Context) -> Path:
    """Write the build context of the runtime's images to *context_dir* and return it.

    Raises what its stages raise: ImageError, PackageError, ReleaseError, ToolboxError, NetworkError, DiskFullError.
    """
    return lay_out_builds(request, request.designs, finished(request, context), context_dir, context)


def lay_out_builds(
    request: ImageRequest,
    wanted: tuple[Design, ...],
    builds: tuple[FinishedBuild, ...],
    context_dir: Path,
    context: Context,
) -> Path:
    """Write what the *wanted* designs copy from *builds* to *context_dir* and return it; raises as lay_out does."""
    inputs = lay_out_image.ContextInputs(
        designs=wanted,
        builds=builds,
        sysroots=_sysroots(request, wanted, context),
        context_dir=context_dir,
        inits=_inits(request, context),
    )
    return lay_out_image.run(inputs, context)


def _inits(request: ImageRequest, context: Context) -> dict[str, Mapping[str, Path]]:
    """Return process 1 of each target's images, where releases.toml wants one."""
    return {
        item.target.name: fetch_init.run(toolbox_inputs(request.request, item), context)
        for item in request.request.targets
        if request.spec.init
    }


def _sysroots(request: ImageRequest, wanted: tuple[Design, ...], context: Context) -> dict[str, Path]:
    """Return the roots that builds are linked against, where a variant brings its C library from there."""
    if not any(design.brings_libc for design in wanted):
        return {}
    return {
        item.target.name: toolbox.run(toolbox_inputs(request.request, item), context).sysroot
        for item in request.request.targets
    }
