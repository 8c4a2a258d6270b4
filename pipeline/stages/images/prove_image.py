"""See that an image in a registry is what was built: its files, and what its programs do in it."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.canaries.ladder import Ladder, climb
from pipeline.context import Context
from pipeline.examine.checks import Expectations, check
from pipeline.examine.images import open_layout
from pipeline.executors.choose import Means, candidates, choose
from pipeline.images.design import Design
from pipeline.images.local import open_image
from pipeline.images.oci import LayoutReader
from pipeline.images.place import product_place
from pipeline.images.root import unpack_root
from pipeline.model.build import ExecutorChoice
from pipeline.model.findings import Finding, Severity
from pipeline.model.images.reference import ImageReference
from pipeline.model.spec.tables import RuntimeSpec
from pipeline.model.target import Target, find_target
from pipeline.oci_registry.client import Manifest
from pipeline.oci_registry.pull import pull
from pipeline.releasing.builds import FinishedBuild


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProveInputs:
    """One image in one repository."""

    reference: ImageReference
    """By its digest."""
    design: Design
    runtime: RuntimeSpec
    builds: tuple[FinishedBuild, ...]
    means: Mapping[str, Means]
    """By target: what its programs are run with. None: nothing is run, because an equal image was tried before."""
    executor: ExecutorChoice = "auto"


def run(inputs: ProveInputs, context: Context) -> tuple[Finding, ...]:
    """Pull the image and return every finding about it.

    Raises RegistryError, NetworkError, ArchiveError, ExecutorUnavailableError where a platform cannot be run here.
    """
    parent = fs.make_directory(context.cache_dir / "verify")
    with tempfile.TemporaryDirectory(prefix="image-", dir=parent) as scratch:
        layout_dir, opened_dir, roots_dir = (fs.make_directory(Path(scratch) / name) for name in ("l", "o", "r"))
        pull(inputs.reference, layout_dir, context.environ, context.reporter)
        findings = [*check(open_layout(layout_dir, opened_dir), Expectations())]
        image = open_image(layout_dir, opened_dir, attested=False)  # nor were they pulled
        reader = LayoutReader(directory=layout_dir, role="image that can be checked")
        manifests = {manifest.digest: manifest for manifest in image.manifests}
        for build in inputs.builds:
            target = find_target(build.subject.target)
            digest = image.platforms.get(target.oci_platform)
            if digest is None:
                findings.append(_lacks(inputs, target))
                continue
            root = fs.make_directory(roots_dir / target.name / "root")
            layers = _layers(reader, manifests[digest])
            unpack_root(layers, root, fs.make_directory(roots_dir / target.name / "layers"))
            findings.extend(_product(inputs.design, build, root))
            findings.extend(_runs(inputs, target, root))
    return tuple(findings)


def _layers(reader: LayoutReader, manifest: Manifest) -> list[Path]:
    described = reader.document({"digest": manifest.digest})
    return [reader.blob(item) for item in reader.items(described.get("layers"), "layers")]


def _product(design: Design, build: FinishedBuild, root: Path) -> Iterator[Finding]:
    """Hold every file of the product against the build's record."""
    place = root / product_place(design.runtime, files=len(build.subject.files))
    for file in build.subject.files:
        path = place / file.path
        same = path.is_file() and fs.sha256_file(path) == file.sha256
        yield Finding(
            id="image.product",
            severity=Severity.OK if same else Severity.FAIL,
            subject=f"{find_target(build.subject.target).oci_platform} {file.path}",
            message="has the content that the build record says" if same else "is not the file that was built",
        )


def _runs(inputs: ProveInputs, target: Target, root: Path) -> Iterator[Finding]:
    """Run the canaries with loader and libraries of the image."""
    known = inputs.means.get(target.name)
    if known is None:
        return
    means = dataclasses.replace(known, sysroot=root)
    executor = candidates(means)[choose(means, inputs.executor)[0]]
    ladder = Ladder(
        product_dir=root, program=f"usr/bin/{inputs.design.program}", target=target, executor=executor,
        canaries=inputs.runtime.canaries, files_dir=inputs.runtime.canary_dir,
    )  # fmt: skip
    for finding in climb(ladder):
        yield finding.model_copy(update={"subject": f"{target.oci_platform} {finding.subject}"})


def _lacks(inputs: ProveInputs, target: Target) -> Finding:
    return Finding(
        id="image.platform",
        severity=Severity.FAIL,
        subject=str(inputs.reference),
        message=f"has nothing for {target.oci_platform}",
    )
