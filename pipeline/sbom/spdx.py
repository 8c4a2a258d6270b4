"""The list of components as SPDX 2.3 JSON (https://spdx.github.io/spdx-spec/v2.3/), without anything random in it.

The document is flat, and the library that could write it brings a whole RDF stack along, so it is written here; the
tests have that library validate it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator

from pipeline.model.components import Component, ComponentKind, ComponentList
from pipeline.sbom.origin import Origin

_DOCUMENT = "SPDXRef-DOCUMENT"
_NONE = "NOASSERTION"
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9.-]+")
_HOW = {
    ComponentKind.CRATE: "STATIC_LINK",
    ComponentKind.STANDARD_LIBRARY: "STATIC_LINK",
    ComponentKind.VM: "STATIC_LINK",
    ComponentKind.LIBRARY: "DYNAMIC_LINK",
}
"""How a component that another one uses got into the product (SPDX 2.3, 11.1)."""


def spdx(components: ComponentList, origin: Origin) -> str:
    """Return the text of the document."""
    number = origin.number("spdx")
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": f"{components.name}-{components.version}-{components.rust_triple}",
        "documentNamespace": f"urn:uuid:{number}",
        "creationInfo": {
            "created": origin.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: snapstitch-{origin.pipeline_version}"],
        },
        "packages": [_package(component, components) for component in components.components],
        "relationships": list(_relationships(components)),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _package(component: Component, components: ComponentList) -> dict[str, object]:
    # Which texts were agreed to is for people to conclude; what is declared stands in the manifests.
    licences = {"licenseConcluded": _NONE, "licenseDeclared": component.license or _NONE, "copyrightText": _NONE}
    comments = [f"declared as: {component.declared_license}"] if component.declared_license else []
    comments += [f"in the product: {', '.join(component.files)}"] if component.files else []
    root = component.purl == components.root
    return {
        "SPDXID": _id(component.purl),
        "name": component.name,
        **({"versionInfo": component.version} if component.version else {}),
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        **licences,
        **({"comment": "; ".join(comments)} if comments else {}),
        **({"sourceInfo": component.origin} if component.origin else {}),
        **({"checksums": [{"algorithm": "SHA256", "checksumValue": component.sha256}]} if component.sha256 else {}),
        "primaryPackagePurpose": "APPLICATION" if root else "LIBRARY",
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": component.purl}
        ],
    }


def _relationships(components: ComponentList) -> Iterator[dict[str, str]]:
    yield _relationship(_DOCUMENT, "DESCRIBES", _id(components.root))
    kinds = {component.purl: component.kind for component in components.components}
    for component in components.components:
        for purl in component.requires:
            yield _relationship(_id(component.purl), _HOW[kinds[purl]], _id(purl))


def _relationship(element: str, kind: str, related: str) -> dict[str, str]:
    return {"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": related}


def _id(purl: str) -> str:
    """Return the element's name in the document: readable, and distinct for distinct package URLs."""
    readable = _NOT_IN_IDS.sub("-", purl.removeprefix("pkg:").partition("?")[0]).strip("-")
    return f"SPDXRef-{readable}-{hashlib.sha256(purl.encode()).hexdigest()[:8]}"
