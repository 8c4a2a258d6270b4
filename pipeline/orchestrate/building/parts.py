"""What a build ships: the product, and each companion that has a zip of its own."""

from __future__ import annotations

import dataclasses

from pipeline.model.analysis import Analysis, PackageKey, Product
from pipeline.model.asset import asset_name
from pipeline.model.spec.runtime_parts import Canary
from pipeline.orchestrate.building.compiling import Compiled
from pipeline.orchestrate.job import Job


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """One zip: its programs, what they hold, and how they are tried out."""

    name: str
    version: str
    zip_name: str
    packages: tuple[PackageKey, ...]
    binaries: tuple[str, ...]
    lifted: frozenset[PackageKey]
    """Packages whose snapshots the programs hold."""
    canaries: tuple[Canary, ...]
    """For the first program."""
    is_main: bool

    def of(self, compiled: Compiled) -> Compiled:
        """Return that part of *compiled* which this one ships."""
        held = {(key.name, key.version) for key in self.lifted}
        return dataclasses.replace(
            compiled,
            binaries=tuple(item for item in compiled.binaries if item[0] in self.binaries),
            snapshots=tuple(item for item in compiled.snapshots if (item.package, item.version) in held),
        )


def parts_of(job: Job, analysis: Analysis) -> tuple[Part, ...]:
    """Return what the build ships, the product with the companions that lie in its zip first."""
    runtime = job.request.runtime
    pairs = tuple(zip(runtime.companions, analysis.companions, strict=True))
    together = (analysis.product, *(built for described, built in pairs if described.asset_name is None))
    name = job.request.name or analysis.product.key.name
    main = _part(job, name, runtime.asset_name, together)
    return (
        dataclasses.replace(main, canaries=runtime.canaries, is_main=True),
        *(
            dataclasses.replace(
                _part(job, described.package, described.asset_name, (built,)), canaries=described.canaries
            )
            for described, built in pairs
            if described.asset_name is not None
        ),
    )


def _part(job: Job, name: str, template: str, products: tuple[Product, ...]) -> Part:
    version = products[0].key.version
    return Part(
        name=name,
        version=version,
        zip_name=asset_name(template, runtime=name, version=version, target=job.target),
        packages=tuple(product.key for product in products),
        binaries=tuple(binary for product in products for binary in product.binaries),
        lifted=frozenset[PackageKey]().union(*(product.lifted for product in products)),
        canaries=(),
        is_main=False,
    )
