"""An exported root as an image: taken in by a real engine, and run in a container that may do nothing special."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipeline.model.target import find_target

from .command import Cli
from .engine import Engine
from .packages import unpacked

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow, pytest.mark.root]


def test_a_layout_runs_in_a_container_without_rights(cli: Cli, engine: Engine, tmp_path: Path) -> None:
    program = unpacked(cli, "busybox-static", target=find_target("arm64")) / "bin/busybox"
    (tmp_path / "root/bin").mkdir(parents=True)
    (tmp_path / "root/root").mkdir()
    (tmp_path / "root/bin/busybox").write_bytes(program.read_bytes())
    (tmp_path / "root/bin/busybox").chmod(0o755)
    for applet in ("sh", "uname", "id", "touch"):
        (tmp_path / "root/bin" / applet).symlink_to("busybox")
    given, layout = tmp_path / "root.tar.gz", tmp_path / "layout"
    subprocess.run(["tar", "-czf", given, "-C", tmp_path / "root", "."], check=True)
    made = cli.run("root", "export", "--target", "arm64", "--no-native", "--rootfs", given, "--out", layout)
    assert made.exit_code == 0, made.stderr
    archive = tmp_path / "layout.tar"
    subprocess.run(["tar", "-cf", archive, "-C", layout, "."], check=True)
    said = engine.docker("load", "--input", archive)
    assert "root-arm64:latest" in said.stdout
    options = ("--rm", "--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    said = engine.docker("run", *options, "root-arm64", "/bin/sh", "-c", "uname -m; id -u; touch /mark && echo written")
    assert said.stdout.split() == ["aarch64", "0", "written"], said.stderr
    default = subprocess.run(
        ["tar", "-xOf", archive, "--wildcards", "./blobs/sha256/*"], check=True, capture_output=True
    ).stdout
    assert b'"/bin/sh"' in default
