"""One index of somebody else's zips."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InstallError
from pipeline.model.prebuilds.manifest import Probe
from pipeline.model.target import find_target
from pipeline.prebuilding.layout import read_manifest
from pipeline.stages.prebuilds import index_zips
from pipeline.stages.prebuilds.index_zips import ZipIndexInputs
from tests.unit.elf.files import ElfSpec, elf_file
from tests.unit.installing.releases import sha256
from tests.unit.installing.test_release_zip import write_zip

ARM64 = find_target("arm64")
PROBE = Probe(args=("--version",))


def test_every_platform_is_in_it(tmp_path: Path) -> None:
    directory = tmp_path / "v1.2.3"
    arm = write_zip(
        directory / "tool-aarch64.zip",
        {"tool": elf_file(ElfSpec(target=find_target("arm64"), interpreter="/lib/ld-linux-aarch64.so.1"))},
    )
    here = write_zip(directory / "tool-here.zip")
    write_zip(directory / "source.zip", {"readme": b"x"})
    url = "https://example.com/v1.2.3"
    path = index_zips.run(ZipIndexInputs(directory=directory, url=url, probe=PROBE))
    assert path == directory / "tool-1.2.3.prebuilds.json"
    index = read_manifest(path)
    packed = {prebuild.archives[0].name: prebuild.archives[0] for prebuild in index.prebuilds}
    assert {name: archive.sha256 for name, archive in packed.items()} == {
        zipped.name: sha256(zipped.read_bytes()) for zipped in (arm, here)
    }
    assert packed["tool-here.zip"].url == f"{url}/tool-here.zip"


def test_none_and_too_many(tmp_path: Path) -> None:
    inputs = ZipIndexInputs(directory=tmp_path, url=None, probe=PROBE)
    with pytest.raises(InstallError, match="none has a program"):
        index_zips.run(inputs)
    write_zip(tmp_path / "a.zip")
    write_zip(tmp_path / "b.zip")
    with pytest.raises(InstallError, match="two are for the same machines"):
        index_zips.run(inputs)
