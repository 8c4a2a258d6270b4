"""What the doctor says about machines without a network."""

from __future__ import annotations

from pathlib import Path

from pipeline.context import Context
from pipeline.model.doctor import DoctorFinding, Health
from pipeline.model.events import NullReporter
from pipeline.model.target import find_target
from pipeline.stages import doctor
from pipeline.stages.building.toolbox import ToolboxInputs
from pipeline.toolchains.request import Machine


def look(directory: Path, os_release: str, mirrors: str = "", path: str = "/usr/bin:/bin") -> dict[str, DoctorFinding]:
    (directory / "os-release").write_text(os_release)
    (directory / "apt").mkdir()
    (directory / "apt/sources.list").write_text(mirrors)
    machine = Machine(
        os_release_path=directory / "os-release",
        apt_dir=directory / "apt",
        kernel_machine="x86_64",
        root=directory / "root",
    )
    inputs = ToolboxInputs(target=find_target("arm64"), mode="private", machine=machine)
    environ = {"PATH": path}
    context = Context(cache_dir=directory / "cache", reporter=NullReporter(), environ=environ, offline=True)
    return {finding.subject: finding for finding in doctor.run(doctor.DoctorInputs(toolboxes=(inputs,)), context)}


DEBIAN_12 = "ID=debian\nVERSION_ID=12\n"


def test_another_distribution(tmp_path: Path) -> None:
    found = look(tmp_path, "ID=other\nPRETTY_NAME=Other\n")
    assert found["distribution"].health is Health.PROBLEM
    assert found["distribution"].message.startswith("the toolbox cannot be made on this machine (Other)")
    assert "--toolchain docker" in found["distribution"].remedy
    assert found["arm64: toolbox"].health is Health.PROBLEM


def test_a_debian_machine_offline(tmp_path: Path) -> None:
    sources = "deb http://m.example.org/debian bookworm main\ndeb https://other.example.org/x bookworm main\n"
    found = look(tmp_path, DEBIAN_12, sources)
    assert found["distribution"].message == "Debian 12 (bookworm)"
    assert found["mirror"].message == "http://m.example.org/debian; not used: https://other.example.org/x"
    assert found["cache directory"].health is Health.OK
    assert found["arm64: toolbox"].message == (
        "the toolbox for arm64 must be fetched and --offline forbids it "
        "(it was never made here with these packages, or its cache was removed)"
    )


def test_a_machine_without_a_mirror(tmp_path: Path) -> None:
    found = look(tmp_path, DEBIAN_12)
    assert found["mirror"].health is Health.PROBLEM
    assert "SNAPSTITCH_APT_MIRROR" in found["mirror"].remedy


def test_a_machine_without_apt(tmp_path: Path) -> None:
    found = look(tmp_path, DEBIAN_12, path=str(tmp_path))
    assert found["apt"].health is Health.PROBLEM
    assert found["apt"].message.startswith("missing: apt-get, apt-cache, dpkg-deb, tar")


def test_nothing_is_left_in_the_cache(tmp_path: Path) -> None:
    look(tmp_path, DEBIAN_12)
    assert not (tmp_path / "cache/.doctor").exists()
