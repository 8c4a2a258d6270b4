"""The list of components as CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/), without anything random in it."""

from __future__ import annotations

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component as Part
from cyclonedx.model.component import ComponentType
from cyclonedx.model.license import DisjunctiveLicense, License, LicenseExpression
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from pipeline.model.components import Component, ComponentList
from pipeline.sbom.origin import Origin


def cyclonedx(components: ComponentList, origin: Origin) -> str:
    """Return the text of the document."""
    parts = {component.purl: _part(component, root=components.root) for component in components.components}
    root = parts[components.root]
    maker = Part(
        name="snapstitch", version=origin.pipeline_version, type=ComponentType.APPLICATION, bom_ref="snapstitch"
    )
    bom = Bom(
        serial_number=origin.number("cyclonedx"),
        metadata=BomMetaData(
            timestamp=origin.time,
            component=root,
            tools=ToolRepository(components=[maker]),
            properties=[Property(name="snapstitch:target", value=components.rust_triple)],
        ),
        components=[part for part in parts.values() if part is not root],
    )
    for component in components.components:
        bom.register_dependency(parts[component.purl], [parts[purl] for purl in component.requires])
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    return text + "\n"


def _part(component: Component, *, root: str) -> Part:
    library = component.purl != root
    return Part(
        type=ComponentType.LIBRARY if library else ComponentType.APPLICATION,
        bom_ref=BomRef(component.purl),
        name=component.name,
        version=component.version or None,
        purl=PackageURL.from_string(component.purl),
        licenses=_licenses(component),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=component.sha256)] if component.sha256 else [],
        properties=[
            Property(name="snapstitch:kind", value=component.kind.value),
            *([Property(name="snapstitch:origin", value=component.origin)] if component.origin else []),
            *(Property(name="snapstitch:file", value=path) for path in component.files),
        ],
    )


def _licenses(component: Component) -> list[License]:
    if component.license:
        return [LicenseExpression(component.license)]
    return [DisjunctiveLicense(name=component.declared_license)] if component.declared_license else []
