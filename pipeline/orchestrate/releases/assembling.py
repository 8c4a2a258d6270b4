"""From finished builds, archives of V8 and earlier releases to directories that are releases: each whole or absent."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pipeline
from pipeline import fs
from pipeline.context import Context
from pipeline.errors import UsageError
from pipeline.model.prebuilds.manifest import Probe
from pipeline.model.releases.asset import AssetKind
from pipeline.model.releases.manifest import MANIFEST_NAME, NOTES_NAME, DeltaFormat, Product, ReleaseManifest
from pipeline.model.releases.release import check_tag
from pipeline.model.spec.updater import UpdaterSpec
from pipeline.packing import zips
from pipeline.releasing.builds import FinishedBuild
from pipeline.releasing.directory import describe, read_manifest, release_directory, seal
from pipeline.releasing.notes import notes
from pipeline.stages.releases import (
    assemble,
    assemble_v8,
    collect_builds,
    include_images,
    include_prebuilds,
    make_deltas,
    serve_updaters,
)
from pipeline.stages.releases.include_images import NamedLayout


@dataclasses.dataclass(frozen=True, kw_only=True)
class AssembleRequest:
    """What is to become a release. Paths are absolute."""

    out_dir: Path
    """Each release gets a directory in it, named like its tag."""
    tag: str | None = None
    """Of the release of products; None: there is none."""
    dist_dirs: tuple[Path, ...] = ()
    previous_dirs: tuple[Path, ...] = ()
    """Earlier releases, to make deltas from."""
    delta_limit: float = make_deltas.DEFAULT_LIMIT
    images: tuple[NamedLayout, ...] = ()
    """Of the products; they are in registries, or will be."""
    prebuild_dirs: tuple[Path, ...] = ()
    """Where packed addons and programs lie that belong to the release."""
    v8_mirror: Path | None = None
    """Each version in it becomes a release of its own."""
    updaters: Mapping[str, UpdaterSpec] = dataclasses.field(default_factory=dict)
    """What the updaters of products look for, by the product's name."""
    probes: Mapping[str, Probe] = dataclasses.field(default_factory=dict)
    """Runs that show that a product works where it was installed, by the product's name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Assembled:
    """A release that lies ready."""

    directory: Path
    manifest: ReleaseManifest


def assemble_releases(request: AssembleRequest, context: Context) -> tuple[Assembled, ...]:
    """Assemble the release of products, if a tag is given, and those of V8, if a mirror is given.

    Raises ReleaseError, PublishError for a tag that is none, IntegrityError, ArchiveError, V8ArchiveError,
    UsageError when nothing is asked for, or two releases would have one tag.
    """
    versions = assemble_v8.versions_in(request.v8_mirror) if request.v8_mirror else ()
    if request.tag is None and not versions:
        raise UsageError(
            "neither a tag nor a mirror is given",
            cause="a release has a tag; those of V8 are called after the versions in the mirror",
            action="give --tag v1.2.3, or --v8-mirror DIR, or both",
        )
    if request.tag in {f"v{source.version}" for source in versions}:
        raise UsageError(
            f"{request.tag} is the tag of V8's own release",
            cause="releases of V8 are called after the version of the v8 crate, so that they are a mirror",
            action="give another --tag",
        )
    made = [_products(request, check_tag(request.tag), context)] if request.tag is not None else []
    return (*made, *(_v8(request, source, context) for source in versions))


def _products(request: AssembleRequest, tag: str, context: Context) -> Assembled:
    builds = collect_builds.run(collect_builds.CollectInputs(dist_dirs=request.dist_dirs), context)
    earlier = [(path, read_manifest(path / MANIFEST_NAME)) for path in request.previous_dirs]
    final = request.out_dir / tag
    with release_directory(final) as staging:
        products = tuple(
            assemble.run(assemble.AssembleInputs(build=build, release_dir=staging), context) for build in builds
        )
        images = include_images.run(include_images.ImageInputs(layouts=request.images, products=products), context)
        prebuilds = include_prebuilds.run(
            include_prebuilds.PrebuildInputs(
                release_dir=staging,
                builds=builds,
                products=products,
                probes=request.probes,
                prebuild_dirs=request.prebuild_dirs,
            ),
            context,
        )
        products = tuple(_with_deltas(request, staging, product, earlier, context) for product in products)
        served = serve_updaters.run(
            serve_updaters.UpdaterInputs(release_dir=staging, tag=tag, products=products, updaters=request.updaters),
            context,
        )
        manifest = _manifest(tag, epoch_s=_epoch_s(builds)).model_copy(
            update={"products": products, "images": images, "prebuilds": prebuilds, "further": served}
        )
        return Assembled(directory=final, manifest=_sealed(staging, manifest))


def _with_deltas(
    request: AssembleRequest,
    staging: Path,
    product: Product,
    earlier: list[tuple[Path, ReleaseManifest]],
    context: Context,
) -> Product:
    updater = request.updaters.get(product.name)
    wanted = DeltaFormat.BSDIFF if updater and updater.deltas else None
    made = [
        make_deltas.run(
            make_deltas.DeltaInputs(
                product=product,
                release_dir=staging,
                earlier=manifest,
                earlier_dir=path,
                limit=request.delta_limit,
                wanted=wanted,
            ),
            context,
        )
        for path, manifest in earlier
    ]
    return product.model_copy(update={"deltas": tuple(filter(None, made))})


def _v8(request: AssembleRequest, source: assemble_v8.V8Version, context: Context) -> Assembled:
    tag = f"v{source.version}"
    final = request.out_dir / tag
    with release_directory(final) as staging:
        archives = assemble_v8.run(assemble_v8.AssembleV8Inputs(source=source, release_dir=staging), context)
        manifest = _manifest(tag, epoch_s=zips.EARLIEST_ZIP_TIME_S).model_copy(update={"v8_archives": archives})
        return Assembled(directory=final, manifest=_sealed(staging, manifest))


def _manifest(tag: str, *, epoch_s: int) -> ReleaseManifest:
    return ReleaseManifest(
        schema_version=1, tag=tag, pipeline_version=pipeline.__version__, source_date_epoch_s=epoch_s
    )


def _sealed(staging: Path, manifest: ReleaseManifest) -> ReleaseManifest:
    """Write notes, manifest and sums; return the manifest."""
    fs.write_text(staging / NOTES_NAME, notes(manifest))
    written = describe(staging / NOTES_NAME, AssetKind.NOTES)
    manifest = ReleaseManifest.model_validate(manifest.model_dump() | {"further": (*manifest.further, written)})
    seal(staging, manifest)
    return manifest


def _epoch_s(builds: tuple[FinishedBuild, ...]) -> int:
    return max(build.subject.source_date_epoch_s for build in builds)
