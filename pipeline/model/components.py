"""What a product is made of: one list, which every bill of materials is written from; see docs/releases.md."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

import pydantic

from pipeline.model.record import Sha256

COMPONENTS_SUFFIX = ".components.json"

Text = Annotated[str, pydantic.Field(min_length=1)]


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ComponentKind(enum.StrEnum):
    """Where a component comes from, and how it got into the product."""

    CRATE = "crate"
    """Compiled by Cargo and linked."""
    STANDARD_LIBRARY = "standard-library"
    """Rust's own, linked."""
    VM = "vm"
    """V8, linked from an archive or part of a bundled library."""
    LIBRARY = "library"
    """A package of the distribution whose shared libraries travel with the product."""


class Component(_Model):
    """One part of a product."""

    purl: Text
    """Package URL (https://github.com/package-url/purl-spec); it is the component's name inside the list, too."""
    kind: ComponentKind
    name: Text
    version: str
    """Empty where none is known."""
    license: str | None = None
    """SPDX expression; None when the component declares none that is one."""
    declared_license: str | None = None
    """What the component says itself, where that is no SPDX expression."""
    sha256: Sha256 | None = None
    """Of the package file that it was made from, where it was made from one."""
    origin: str = ""
    """Where it comes from: a registry, a repository, the name of a package file; empty for local sources."""
    files: tuple[str, ...] = ()
    """Files of the product that are this component alone."""
    requires: tuple[str, ...] = ()
    """Package URLs of the components that it uses itself, sorted."""


class ComponentList(_Model):
    """What lies beside a product as ``….components.json``."""

    schema_version: Literal[1]
    name: Text
    version: Text
    target: Text
    rust_triple: Text
    root: Text
    """Package URL of the component that the product is built from."""
    components: tuple[Component, ...]
    """Sorted by package URL."""

    def to_json(self) -> str:
        """Return the text of the file."""
        return self.model_dump_json(indent=1, exclude_defaults=True) + "\n"

    @pydantic.model_validator(mode="after")
    def _closed(self) -> ComponentList:
        known = [component.purl for component in self.components]
        if len(set(known)) != len(known):
            raise ValueError("a component is listed twice")
        wanted = {self.root}.union(*(component.requires for component in self.components))
        if unknown := sorted(wanted - set(known)):
            raise ValueError(f"{unknown[0]} is required and not listed")
        return self


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of ``….components.json``."""
    return ComponentList.model_json_schema(mode="serialization")
