"""Base images from Debian's packages, for all platforms of the tests, in the registry of the tests.

The one called debian is made of what the real one is made of, less of it. Those called ubuntu and alpine stand in for
what cannot be had here: the former has Debian's files, the latter Debian's musl and busybox. Labels of theirs say so.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from pipeline.images.design import platform_dir
from pipeline.model.target import Target

from .command import Cli
from .engine import Engine
from .packages import CONTROL_DIR, unpacked
from .registry import RunningRegistry

BUSYBOX = "busybox:1"
_LIBRARIES = ("libc6", "libgcc-s1", "libstdc++6", "dash", "base-passwd")
_SHELL = ("busybox-static",)
_TOOLS = ("cat", "touch")
"""Of coreutils."""
_APPLETS = ("sh", "cat", "touch", "id", "ls", "awk", "date", "sha256sum")
_DOCKERFILE = """\
FROM scratch
ARG TARGETARCH
ARG TARGETVARIANT
LABEL org.opencontainers.image.title="{title}"
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY ${{TARGETARCH}}${{TARGETVARIANT}}/ /
CMD ["sh"]
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bases:
    """Makes bases and has them in a registry."""

    cli: Cli
    engine: Engine
    registry: RunningRegistry
    directory: Path
    targets: tuple[Target, ...]
    """What alpine is made for, this machine's own first."""
    fewer: tuple[Target, ...]
    """What the others are made for; this machine's own must be among them, since the users are made there."""

    def push_all(self) -> dict[str, str]:
        """Push the base of each variant and return their names."""
        return {"debian": self.debian(), "ubuntu": self.ubuntu(), "alpine": self.alpine()}

    def debian(self) -> str:
        for target in self.fewer:
            self._debian_tree("debian", target)
        return self._push("debian", "debian:12-slim", "of Debian's packages", self.fewer)

    def ubuntu(self) -> str:
        for target in self.fewer:
            tree = self._debian_tree("ubuntu", target)
            (tree / "etc/os-release").write_text("ID=ubuntu\nPRETTY_NAME=stand-in of Debian's packages\n")
        return self._push("ubuntu", "ubuntu:24.04", "stand-in for Ubuntu, of Debian's packages", self.fewer)

    def alpine(self) -> str:
        for target in self.targets:
            self._busybox_tree("alpine", target)
            tree = self._tree("alpine", target)
            musl = unpacked(self.cli, "musl", suite="bookworm", target=target)
            (tree / "lib").mkdir()
            (loader,) = (musl / "usr/lib").glob("ld-musl-*.so.1")
            shutil.copy(loader, tree / "lib" / loader.name)
            (tree / "lib/apk/db").mkdir(parents=True)
            known = "P:busybox\nV:1.35.0-r0\nL:GPL-2.0-only\n\nP:musl\nV:1.2.3-r0\nL:MIT\n\n"
            (tree / "lib/apk/db/installed").write_text(known)
            (tree / "etc/os-release").write_text("ID=alpine\nPRETTY_NAME=stand-in of Debian's musl and busybox\n")
        return self._push("alpine", "alpine:3.20", "stand-in for Alpine, of Debian's musl and busybox", self.targets)

    def busybox(self) -> str:
        """Push what is busybox and nothing else, for this machine's own platform."""
        (host, *_others) = self.targets
        self._busybox_tree("busybox", host)
        return self._push("busybox", BUSYBOX, "of Debian's busybox", (host,))

    def _tree(self, name: str, target: Target) -> Path:
        return self.directory / name / platform_dir(target)

    def _debian_tree(self, name: str, target: Target) -> Path:
        tree = self._tree(name, target)
        root = unpacked(self.cli, *_LIBRARIES, suite="bookworm", target=target)
        ignored = shutil.ignore_patterns("gconv", "locale", "doc", "audit", "update-passwd")
        shutil.copytree(root, tree, symlinks=True, ignore=ignored)
        for tool in _TOOLS:
            tools = unpacked(self.cli, "coreutils", suite="bookworm", target=target)
            shutil.copy(tools / "bin" / tool, tree / "usr/bin" / tool)
        for file in ("passwd", "group"):
            (tree / "etc").mkdir(exist_ok=True)
            shutil.copy(tree / f"usr/share/base-passwd/{file}.master", tree / "etc" / file)
        if not (tree / "usr/bin/sh").exists():
            (tree / "usr/bin/sh").symlink_to("dash")
        installed = sorted((root / CONTROL_DIR).glob("*.control"))
        entries = [f"{path.read_text().rstrip()}\nStatus: install ok installed\n\n" for path in installed]
        (tree / "var/lib/dpkg/status").write_text("".join(entries))
        (tree / "etc/os-release").write_text("ID=debian\nPRETTY_NAME=of the tests\n")
        return tree

    def _busybox_tree(self, name: str, target: Target) -> None:
        tree = self._tree(name, target)
        for directory in ("bin", "etc"):
            (tree / directory).mkdir(parents=True)
        (tree / "tmp").mkdir(mode=0o777)
        (tree / "tmp").chmod(0o1777)
        shutil.copy(unpacked(self.cli, *_SHELL, suite="bookworm", target=target) / "bin/busybox", tree / "bin/busybox")
        for applet in _APPLETS:
            (tree / "bin" / applet).symlink_to("busybox")
        (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/sbin/nologin\n")
        (tree / "etc/group").write_text("root:x:0:\nnobody:x:65534:\n")

    def _push(self, name: str, tag: str, title: str, targets: tuple[Target, ...]) -> str:
        directory, image = self.directory / name, f"{self.registry.host}/{tag}"
        (directory / "Dockerfile").write_text(_DOCKERFILE.format(title=title))
        wanted = ",".join(target.oci_platform for target in targets)
        options = ("--platform", wanted, "--provenance=false", "--tag", image, "--push")
        self.engine.docker("buildx", "build", *options, directory)
        return image
