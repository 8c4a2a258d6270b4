"""The patches of this repository on the published packages that they are for."""

from __future__ import annotations

import dataclasses
import os
import tomllib
import typing
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import PatchError
from pipeline.model.events import NullReporter
from pipeline.model.spec.origins import RegistrySource
from pipeline.model.spec.reader import parse_spec
from pipeline.sources.patches import PatchFile, read_patches
from pipeline.stages.building import patch, source

from .command import ROOT

pytestmark = pytest.mark.network
PATCHES = read_patches(ROOT / "patches" / "deno")
DESCRIBED = typing.cast(
    "RegistrySource", parse_spec(tomllib.loads((ROOT / "releases.toml").read_text())).runtimes["deno"].source
)
OFFICIAL = ("https://dl.deno.land", 'https://github.com/denoland/deno/releases"')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """Fetches versions once, and applies patches to them."""

    context: Context
    cargo: Path

    def fetch(self, version: str) -> source.SourceTree:
        wanted = RegistrySource(kind="registry", package="deno", version=version)
        return source.run(source.SourceInputs(source=wanted, cargo=self.cargo), self.context)

    def apply(self, version: str, patches: list[PatchFile]) -> patch.PatchedTree:
        tree = self.fetch(version)
        placed = tuple(patch.PlacedPatch(patch=one) for one in patches)
        inputs = patch.PatchInputs(
            source=tree.path, digest=tree.digest, name="deno", version=version, patches=placed
        )  # fmt: skip
        return patch.run(inputs, self.context)


@pytest.fixture(scope="module")
def bench(cargo_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    cache_dir = tmp_path_factory.mktemp("cache")
    context = Context(cache_dir=cache_dir, reporter=NullReporter(), environ=dict(os.environ))
    return Bench(context=context, cargo=cargo_program)


def code_of(tree: patch.PatchedTree) -> str:
    """The upgrade's source code without its tests."""
    return (tree.path / "tools" / "upgrade.rs").read_text().partition("\n#[cfg(test)]\nmod test {")[0]


@pytest.mark.parametrize("version", [DESCRIBED.version, "2.6.10", "2.7.11", "2.8.3", "2.9.8"])
def test_no_version_upgrades_to_an_official_build(bench: Bench, version: str) -> None:
    patches = [one for one in PATCHES if one.is_for(version)]
    tree = bench.apply(version, patches)
    assert [one.name for one in tree.applied] == [one.name for one in patches]
    code = code_of(tree)
    assert [address for address in OFFICIAL if address in code] == []
    assert code.count('option_env!("DENO_RELEASES_URL")') == 1
    assert code.count("if RELEASE_URL.is_empty()") == 2, "neither the upgrade nor the look for updates"
    help_text = (tree.path / "args" / "flags.rs").read_text()
    assert OFFICIAL[0] not in help_text


def test_the_described_version_needs_no_refreshed_patch(bench: Bench) -> None:
    tree = bench.apply(DESCRIBED.version, [one for one in PATCHES if one.is_for(DESCRIBED.version)])
    assert [one.offsets for one in tree.applied] == [(), ()]


@pytest.mark.parametrize(
    ("name", "version"),
    [("upgrade-2.3.patch", "2.6.10"), ("upgrade-2.6.9.patch", DESCRIBED.version), ("upgrade-2.7.patch", "2.8.3"),
     ("upgrade-2.7.13.patch", "2.7.11"), ("help-2.3.patch", "2.7.11"), ("help-2.6.5.patch", "2.9.8")],
)  # fmt: skip
def test_ranges_end_where_patches_do_not_apply_any_more(bench: Bench, name: str, version: str) -> None:
    (one,) = [one for one in PATCHES if one.name == name]
    assert not one.is_for(version)
    with pytest.raises(PatchError, match="the lines around the change are not the same in this version"):
        bench.apply(version, [one])
