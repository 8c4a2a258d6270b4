"""Packages for npm with prebuilds in them: one with everything, or one for each platform and one that names them.

https://docs.npmjs.com/cli/configuring-npm/package-json (``os``, ``cpu``, ``libc``, ``optionalDependencies``): npm
leaves out optional packages that are for another system; ``libc`` it knows since version 9.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pydantic

from pipeline import fs
from pipeline.errors import PrebuildError
from pipeline.model.prebuilds.manifest import Prebuild, PrebuildManifest
from pipeline.model.spec.prebuilds import Edit, NpmOutput, Style
from pipeline.prebuilding.layout import copy_file, write_layout

LOADER_DIR = "prebuilds/loader"
_LEFT_OUT = shutil.ignore_patterns("node_modules", "build", "prebuilds", ".git", fs.SENTINEL_NAME)
_KEPT_OF_SOURCE = ("description", "license", "author", "repository", "homepage", "engines")
_LICENSES = ("LICENSE*", "LICENCE*", "COPYING*", "NOTICE*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NpmInputs:
    """What packages are made of."""

    output: NpmOutput
    source: Path | None
    """Root of the package's sources; None: it has none, and consists of the prebuilds."""
    manifest: PrebuildManifest
    files: Mapping[str, Path]
    loader: Path | None = None
    """Directory with the files that choose a prebuild at run time."""

    @property
    def version(self) -> str:
        """Return the version of all packages."""
        return self.output.version or self.manifest.version


def platform_package(name: str, prebuild: Prebuild) -> str:
    """Return the name of the package that holds what is for one platform, such as ``bcrypt-linux-arm64-musl``."""
    parts = (name, prebuild.platform, prebuild.arch, prebuild.libc.value if prebuild.libc else "")
    return "-".join(part for part in parts if part)


def write_packages(inputs: NpmInputs, style: Style, directory: Path) -> tuple[Path, ...]:
    """Write the trees of all packages of one *style* below *directory*, and return them, the main one first.

    Raises PrebuildError when the sources cannot be edited as described.
    """
    main = directory / "main"
    groups = _groups(inputs)
    manifest = inputs.manifest if style == "one" else _with_packages(inputs)
    _write_source(inputs, main)
    _write_json(main / "package.json", _main_json(inputs, sorted(groups) if style == "split" else []))
    for edit in inputs.output.edits:
        if edit.style in {None, style}:
            _edit(main, edit)
    write_layout(main, manifest, inputs.files)
    if inputs.loader:
        shutil.copytree(inputs.loader, main / LOADER_DIR)
    if style == "one":
        return (main,)
    return (main, *(_write_platform(inputs, name, groups[name], directory) for name in sorted(groups)))


def _groups(inputs: NpmInputs) -> dict[str, tuple[Prebuild, ...]]:
    groups: dict[str, tuple[Prebuild, ...]] = {}
    for prebuild in inputs.manifest.prebuilds:
        name = platform_package(inputs.output.name, prebuild)
        groups[name] = (*groups.get(name, ()), prebuild)
    return groups


def _with_packages(inputs: NpmInputs) -> PrebuildManifest:
    prebuilds = tuple(
        prebuild.model_copy(update={"npm_package": platform_package(inputs.output.name, prebuild)})
        for prebuild in inputs.manifest.prebuilds
    )
    return inputs.manifest.model_copy(update={"prebuilds": prebuilds})


def _write_platform(inputs: NpmInputs, name: str, prebuilds: tuple[Prebuild, ...], directory: Path) -> Path:
    first = prebuilds[0]
    root = directory / name.replace("/", "+")
    write_layout(root, inputs.manifest.model_copy(update={"prebuilds": prebuilds}), inputs.files)
    source = _source_json(inputs)
    facts: dict[str, pydantic.JsonValue] = {
        "name": name,
        "version": inputs.version,
        **{key: source[key] for key in _KEPT_OF_SOURCE if key in source},
        "os": [first.platform],
        "cpu": [first.arch],
        **({"libc": [first.libc.value]} if first.libc else {}),
        "files": ["prebuilds"],
        # Node-API files and programs are files, nothing that npm would have to build.
        "gypfile": False,
    }
    _write_json(root / "package.json", facts)
    if inputs.source:
        for path in sorted(path for pattern in _LICENSES for path in inputs.source.glob(pattern) if path.is_file()):
            copy_file(path, root / path.name)
    return root


def _write_source(inputs: NpmInputs, main: Path) -> None:
    fs.make_directory(main)
    if inputs.source:
        shutil.copytree(inputs.source, main, ignore=_LEFT_OUT, dirs_exist_ok=True)


def _edit(main: Path, edit: Edit) -> None:
    path = main / edit.file
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PrebuildError(
            f"{edit.file} of the package cannot be edited: it cannot be read",
            cause="a misspelt `file`, or another version of the package",
            action="correct `npm.edits` in releases.toml",
        ) from error
    if (count := text.count(edit.old)) != 1:
        raise PrebuildError(
            f"{edit.file} of the package holds the text of an edit {count} times, not once: {edit.old!r}",
            cause="another version of the package than the edit was written for",
            action="correct `npm.edits` in releases.toml",
        )
    path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
    path.chmod(path.stat().st_mode | 0o644)


def _source_json(inputs: NpmInputs) -> dict[str, pydantic.JsonValue]:
    path = inputs.source / "package.json" if inputs.source else None
    if path is None or not path.is_file():
        return {}
    value = json.loads(path.read_text(encoding="utf-8"))
    return value if isinstance(value, dict) else {}


def _main_json(inputs: NpmInputs, packages: list[str]) -> dict[str, pydantic.JsonValue]:
    facts = _source_json(inputs) | {"name": inputs.output.name, "version": inputs.version}
    if isinstance(listed := facts.get("files"), list) and "prebuilds" not in listed:
        facts["files"] = [*listed, "prebuilds"]
    if packages:
        known = facts.get("optionalDependencies")
        ours: dict[str, pydantic.JsonValue] = dict.fromkeys(packages, inputs.version)
        facts["optionalDependencies"] = (known if isinstance(known, dict) else {}) | ours
    return merged(facts, inputs.output.package_json)


def merged(
    old: Mapping[str, pydantic.JsonValue], change: Mapping[str, pydantic.JsonValue]
) -> dict[str, pydantic.JsonValue]:
    """Return *old* with *change* merged into it (RFC 7396); an empty table, as TOML has no null, takes a key out."""
    result = dict(old)
    for key, value in change.items():
        if value == {}:
            result.pop(key, None)
        elif isinstance(value, dict):
            known = result.get(key)
            result[key] = merged(known if isinstance(known, dict) else {}, value)
        else:
            result[key] = value
    return result


def _write_json(path: Path, value: Mapping[str, pydantic.JsonValue]) -> None:
    fs.make_directory(path.parent)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    path.chmod(0o644)
