"""The two forms of a lifted package's manifest: text in, text out.

The *generator form* makes the build script an ordinary program of the package, so that Cargo compiles it for the
target. The *product form* is the package as it was, with a stub in the place of its build script. In both,
every dependency is still written down, so that ``Cargo.lock`` stays byte for byte the same; what a form does not
use stands under a ``cfg`` that is never true.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import tomlkit
import tomlkit.exceptions

from pipeline.errors import LiftError, WorkspaceError
from pipeline.lifting.entries import Table, crate_entry
from pipeline.model.analysis import PackageKey

NEVER = "cfg(any())"
"""A condition without alternatives is false: https://doc.rust-lang.org/reference/conditional-compilation.html"""
_MODULE = re.compile(r"\bmod\s+(?:r#)?(\w+)")
_LEGACY_KEYS = {
    "project": "package",
    "build_dependencies": "build-dependencies",
    "dev_dependencies": "dev-dependencies",
}
"""Spellings that Cargo still takes in editions before 2024, and what they mean."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureRestoration:
    """Features to add to what a manifest asks of one of its direct dependencies."""

    dependency: str
    """The dependency's key in the manifest."""
    features: tuple[str, ...]
    added: PackageKey | None = None
    """The crate, where the manifest has no such dependency yet."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratorForm:
    """What a generator form needs to know beside the manifest."""

    binary: str
    """Name of the program, unique in the workspace."""
    library: str
    """Name of the empty library that takes the place of the package's own."""
    empty_library: Path
    drop_default_feature: bool = False
    keep_dependencies: bool = False
    """Whether the package's other dependencies stay in force, so that their features count."""
    taken_names: frozenset[str] = frozenset()
    """Names in the script that a crate must not have, too."""
    restorations: tuple[FeatureRestoration, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProductForm:
    """What a product form needs to know beside the manifest."""

    stub: Path
    restorations: tuple[FeatureRestoration, ...] = ()


def generator_form(text: str, form: GeneratorForm) -> str:
    """Return the manifest *text* with its build script as the only program, and nothing else to compile.

    Raises LiftError for a manifest whose build script cannot be found in it, WorkspaceError for broken TOML.
    """
    manifest = parse(text)
    package = manifest["package"]
    script = build_script_path(manifest)
    for key in ("links", "default-run", "default_run"):
        package.pop(key, None)
    package["build"] = False
    for kind in ("bins", "examples", "tests", "benches"):
        package[f"auto{kind}"] = False
    # Lints of the package are about its own code; denied ones would reject the empty library.
    for key in ("lib", "bin", "example", "test", "bench", "lints"):
        manifest.pop(key, None)
    manifest["lib"] = {"name": form.library, "path": str(form.empty_library), "test": False, "doctest": False}
    manifest["bin"] = [{"name": form.binary, "path": script, "test": False}]
    if form.drop_default_feature:
        manifest.get("features", {}).pop("default", None)
    if form.keep_dependencies:
        _merge(manifest, form.taken_names)
    else:
        _retire(manifest, "dependencies")
        _rename_into(manifest, "build-dependencies", "dependencies")
    _restore(manifest, "dependencies", form.restorations)
    return tomlkit.dumps(manifest)


def module_names(script: str) -> frozenset[str]:
    """Return the names of the modules that a Rust source file declares (and perhaps of some that it only mentions)."""
    return frozenset(_MODULE.findall(script))


def product_form(text: str, form: ProductForm) -> str:
    """Return the manifest *text* with the stub as its build script and without the script's dependencies.

    Raises WorkspaceError for broken TOML.
    """
    manifest = parse(text)
    manifest["package"]["build"] = str(form.stub)
    _retire(manifest, "build-dependencies")
    _restore(manifest, "dependencies", form.restorations)
    return tomlkit.dumps(manifest)


def takes_features_per_package(root_manifest: str, root_edition: str | None) -> bool:
    """Return whether ``--features PACKAGE/FEATURE`` reaches every package that is selected with ``-p``.

    It does with resolver 2 and later (Cargo Book, "Features", "Resolver version 2 command-line flags").
    *root_edition* is the root package's, None in a virtual workspace, whose default is resolver 1.
    """
    manifest = load(root_manifest)
    resolver = manifest.get("workspace", {}).get("resolver") or manifest.get("package", {}).get("resolver")
    return resolver != "1" if resolver else int(root_edition or 2015) >= 2021


def parse(text: str) -> Table:
    """Return a manifest as plain tables, with today's spelling of keys.

    Raises WorkspaceError when it is no TOML or has no package.
    """
    manifest = load(text)
    for table in [manifest, *_target_tables(manifest).values()]:
        for old, new in _LEGACY_KEYS.items():
            if old in table and new not in table:
                table[new] = table.pop(old)
    if "package" not in manifest:
        raise WorkspaceError(
            "a Cargo.toml has no [package] table",
            cause="it is the manifest of a virtual workspace",
            action="name a package of the workspace",
        )
    return manifest


def build_script_path(manifest: Table) -> str:
    """Return the path of the build script as the manifest gives it, or Cargo's default.

    Raises LiftError where there is not exactly one.
    """
    value = manifest["package"].get("build", True)
    if value is True:
        return "build.rs"
    if isinstance(value, str):
        return value
    raise LiftError(
        f"{manifest['package'].get('name')} does not have exactly one build script (build = {value!r})",
        cause="several build scripts in one package are an unstable feature of Cargo",
        action="give the package one build script",
    )


def load(text: str) -> Table:
    """Return a manifest as plain tables, as it is.

    Raises WorkspaceError when it is no TOML.
    """
    try:
        manifest: Table = tomlkit.parse(text).unwrap()
    except tomlkit.exceptions.TOMLKitError as error:
        raise WorkspaceError(
            f"a Cargo.toml is not valid TOML: {error}",
            cause="a slip of the pen in the manifest",
            action="correct the manifest until `cargo metadata` accepts it",
        ) from error
    return manifest


def _target_tables(manifest: Table) -> Mapping[str, Table]:
    tables: Mapping[str, Table] = manifest.get("target", {})
    return tables


def _never(condition: str) -> str:
    """Return a condition that is never true and still tells the table apart from its siblings."""
    if condition.startswith("cfg(") and condition.endswith(")"):
        return f"cfg(all(any(), {condition[4:-1]}))"
    return f'cfg(all(any(), target = "{condition}"))'


def _retire(manifest: Table, kind: str) -> None:
    """Move the tables of *kind* to where they are recorded and never used."""
    targets: Table = manifest.setdefault("target", {})
    for condition, table in list(targets.items()):
        if kind in table:
            targets.setdefault(_never(condition), {})[kind] = table.pop(kind)
    if kind in manifest:
        targets.setdefault(NEVER, {})[kind] = manifest.pop(kind)


def _merge(manifest: Table, taken_names: frozenset[str]) -> None:
    """Put the script's dependencies beside the package's others.

    What both name stays as the script has it, with the features of both. What has a name that the script uses
    otherwise is retired: a path that begins with it would be ambiguous.
    """
    scripts = list(_live_tables(manifest, "build-dependencies"))
    targets: Table = manifest.setdefault("target", {})
    for retired, table in [(NEVER, manifest), *((_never(name), targets[name]) for name in list(targets))]:
        others = table.get("dependencies", {})
        for key in list(others):
            sharing = [entries for entries in scripts if key in entries]
            if sharing or key.replace("-", "_") in taken_names:
                entry = others.pop(key)
                targets.setdefault(retired, {}).setdefault("dependencies", {})[key] = entry
                for entries in sharing:
                    entries[key] = _united(entries[key], entry)
    _rename_into(manifest, "build-dependencies", "dependencies")


def _united(script_entry: str | Table, entry: str | Table) -> str | Table:
    """Return the script's entry with what the package asks of the same crate, too."""
    one, other = (table if isinstance(table, dict) else {} for table in (script_entry, entry))
    if one.get("package") != other.get("package") or other.get("optional", False):
        return script_entry
    table = _with_features(script_entry, tuple(other.get("features", ())))
    if other.get("default-features", True):
        table.pop("default-features", None)
    return table


def _rename_into(manifest: Table, old: str, new: str) -> None:
    for table in [manifest, *_target_tables(manifest).values()]:
        if old in table:
            table.setdefault(new, {}).update(table.pop(old))


def _restore(manifest: Table, kind: str, restorations: tuple[FeatureRestoration, ...]) -> None:
    for restoration in restorations:
        if restoration.added:
            entry = crate_entry(restoration.added, restoration.features)
            manifest.setdefault(kind, {})[restoration.dependency] = entry
            continue
        for table in _live_tables(manifest, kind):
            if restoration.dependency in table:
                table[restoration.dependency] = _with_features(table[restoration.dependency], restoration.features)


def _live_tables(manifest: Table, kind: str) -> Iterator[Table]:
    if kind in manifest:
        yield manifest[kind]
    for condition, table in _target_tables(manifest).items():
        if kind in table and not condition.startswith(("cfg(any())", "cfg(all(any(), ")):
            yield table[kind]


def _with_features(entry: str | Table, features: tuple[str, ...]) -> Table:
    table: Table = {"version": entry} if isinstance(entry, str) else dict(entry)
    table["features"] = sorted({*table.get("features", ()), *features})
    return table
