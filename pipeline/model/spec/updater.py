"""What ``releases.toml`` may say about the updater that a product itself has."""

from __future__ import annotations

import re
from typing import Annotated

import pydantic

from pipeline.model.spec.base import SpecTable
from pipeline.model.spec.values import AssetName, Flag, RuntimeName, Text

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_REVISION = re.compile(r"-r[0-9]{1,4}")


def _version_template(text: str) -> str:
    """Return *text*; raises ValueError unless the version is what it leaves open."""
    if _PLACEHOLDER.findall(text) != ["version"]:
        raise ValueError(f"must have {{version}} in it once, and no other placeholder, not {text!r}")
    return text


def _latest_template(text: str) -> str:
    unknown = sorted(set(_PLACEHOLDER.findall(text)) - {"tag", "version"})
    if unknown:
        raise ValueError(f"there is no placeholder {unknown[0]!r} (known: tag, version)")
    return text


class UpdaterSpec(SpecTable):
    """What the product's own updater looks for in a release; `release assemble` adds it. docs/releases.md says more."""

    tag: Annotated[str, pydantic.AfterValidator(_version_template)] = "v{version}"
    """Tag that it expects a version's release to have. Revisions of it (`-r2`) will do; a release with another tag gets
    none of these files, which the updater could not find there."""
    zip: AssetName
    """File name under which it fetches the zip, with the placeholders of `asset-name`."""
    latest_file: RuntimeName
    """File name under which it asks the latest release which one that is."""
    latest_text: Annotated[Text, pydantic.AfterValidator(_latest_template)] = "{tag}\n"
    """What that file says; `{tag}` and `{version}` are filled in."""
    deltas: Flag = False
    """Whether it takes deltas from program to program: `.bsdiff`, named like its zip, with `.sha256sum` of the delta
    and of the program beside them. Deltas of the product are of that format then, wherever it fits."""

    def fits(self, tag: str, version: str) -> bool:
        """Return whether the updater finds the release of *version* under *tag*."""
        wanted = self.tag_of(version)
        return tag == wanted or bool(_REVISION.fullmatch(tag.removeprefix(wanted)) and tag.startswith(wanted))

    def tag_of(self, version: str) -> str:
        """Return the tag under which *version* is looked for first."""
        return self.tag.replace("{version}", version)

    def latest(self, tag: str, version: str) -> str:
        """Return what the file says that names the latest release."""
        return self.latest_text.replace("{tag}", tag).replace("{version}", version)
