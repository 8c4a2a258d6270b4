"""What single values of ``releases.toml`` may be; ``pipeline.model.spec.tables`` has the tables that hold them."""

from __future__ import annotations

import difflib
import re
from pathlib import PurePosixPath
from typing import Annotated

import pydantic

from pipeline.model.asset import checked_name, checked_template
from pipeline.model.target import TARGETS

GLIBC_VERSION = re.compile(r"^2\.[0-9]+$")

# https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-build-scripts
_CARGO_OWN_VARIABLES = re.compile(
    r"OUT_DIR|TARGET|HOST|NUM_JOBS|OPT_LEVEL|DEBUG|PROFILE|CARGO|DEP_.*|"
    r"CARGO_((CFG|FEATURE|MANIFEST|PKG)_.*|MAKEFLAGS|ENCODED_RUSTFLAGS)"
)


def _no_duplicates(values: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"{', '.join(map(repr, twice))} is given more than once")
    return values


def _one_is_a_list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _known_target(name: str) -> str:
    names = [target.name for target in TARGETS]
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"there is no target {name!r}{guess} (known: {', '.join(names)})")


def _inside_paths(files: dict[str, str]) -> dict[str, str]:
    outside = [name for name in files if not name or PurePosixPath(name).is_absolute() or ".." in name.split("/")]
    if outside:
        raise ValueError(f"{', '.join(map(repr, outside))} would lie outside the working directory")
    return files


def _free_variables(env: dict[str, str]) -> dict[str, str]:
    taken = sorted(name for name in env if _CARGO_OWN_VARIABLES.fullmatch(name))
    if taken:
        raise ValueError(f"Cargo sets {', '.join(taken)} for build scripts itself")
    return env


def _library_name(name: str) -> str:
    """Return *name* if it is one as DT_NEEDED has it: never a path."""
    if not re.fullmatch(r"[A-Za-z0-9._+-]+\.so(\.[A-Za-z0-9._+-]+)?", name):
        raise ValueError(f"must be the name of a library, such as 'libgcc_s.so.1', not {name!r}")
    return name


Text = Annotated[str, pydantic.Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], pydantic.AfterValidator(_no_duplicates)]
Labels = Annotated[Texts, pydantic.BeforeValidator(_one_is_a_list), pydantic.Field(min_length=1)]
Flag = pydantic.StrictBool
Seconds = Annotated[float, pydantic.Strict(), pydantic.Field(gt=0)]
Gigabytes = Annotated[float, pydantic.Field(gt=0, le=1000)]
Revision = Annotated[str, pydantic.Field(pattern=r"^[0-9a-f]{40}$")]
TagTemplate = Annotated[str, pydantic.Field(pattern=r"^[^{}\s]*\{version\}[^{}\s]*$")]
RustVersion = Annotated[str, pydantic.Field(pattern=r"^1\.[0-9]+(\.[0-9]+)?$")]
TargetName = Annotated[str, pydantic.AfterValidator(_known_target)]
TargetNames = Annotated[tuple[TargetName, ...], pydantic.AfterValidator(_no_duplicates)]
InsideFiles = Annotated[dict[str, str], pydantic.AfterValidator(_inside_paths)]
Environment = Annotated[dict[str, str], pydantic.AfterValidator(_free_variables)]
GlibcVersion = Annotated[str, pydantic.Field(pattern=GLIBC_VERSION.pattern)]
RuntimeName = Annotated[Text, pydantic.AfterValidator(checked_name)]
AssetName = Annotated[Text, pydantic.AfterValidator(checked_template)]
LibraryName = Annotated[str, pydantic.AfterValidator(_library_name)]
LibraryNames = Annotated[tuple[LibraryName, ...], pydantic.AfterValidator(_no_duplicates)]
