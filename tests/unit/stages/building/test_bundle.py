"""How a product is laid out: which libraries travel, which tools run on which file, what stays untouched."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import PackageError
from pipeline.model.events import NullReporter
from pipeline.model.target import Target, find_target
from pipeline.model.toolchain import Toolchain
from pipeline.stages.building import bundle
from pipeline.stages.building.bundle import BundleInputs, ProductFile
from tests.unit.elf.files import ElfSpec, elf_file

ARM64 = find_target("arm64")

# A stand-in for patchelf and strip: writes down how it was called, next to itself.
TOOL = """#!/usr/bin/env python3
import json, sys
with open(__file__ + ".calls", "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
"""


@dataclasses.dataclass(frozen=True)
class Site:
    root: Path

    @property
    def sysroot(self) -> Path:
        return self.root / "sysroot"

    @property
    def product_dir(self) -> Path:
        return self.root / "product"

    def elf(self, path: Path, *needed: str, target: Target = ARM64) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(elf_file(ElfSpec(target=target, needed=needed, payload=path.name.encode())))
        return path

    def library(self, name: str, *needed: str, place: str = "usr/lib/aarch64-linux-gnu") -> Path:
        return self.elf(self.sysroot / place / name, *needed)

    def text(self, path: str, content: str) -> None:
        file = self.sysroot / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def tool(self, name: str) -> Path:
        path = self.root / name
        path.write_text(TOOL)
        path.chmod(0o755)
        return path

    def calls(self, name: str) -> list[list[str]]:
        log = self.root / f"{name}.calls"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def toolchain(self) -> Toolchain:
        nowhere = self.root / "nowhere"
        return Toolchain(
            target=ARM64, cargo=nowhere, env={}, path_dirs=(), sysroot=self.sysroot, qemu=nowhere, qemu_version="",
            patchelf=self.tool("patchelf"), strip=self.tool("strip"), tools=(), digest="",
        )  # fmt: skip

    def bundle(
        self, *files: ProductFile, strip: bool = False, travels: bool = True, assumed: tuple[str, ...] = ()
    ) -> bundle.ProductTree:
        context = Context(cache_dir=self.root / "cache", reporter=NullReporter(), environ=os.environ)
        inputs = BundleInputs(
            files=files, toolchain=self.toolchain(), product_dir=self.product_dir, strip=strip, bundle=travels,
            assumed_libraries=frozenset(assumed),
        )  # fmt: skip
        return bundle.run(inputs, context)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "sysroot").mkdir()
    return Site(tmp_path)


def test_a_program_that_needs_only_the_c_library_stays_as_it_is(site: Site) -> None:
    program = site.elf(site.root / "app", "libc.so.6", "libm.so.6", "ld-linux-aarch64.so.1")
    tree = site.bundle(ProductFile(source=program, name="app"))
    assert (tree.files, tree.libraries, tree.license_packages) == (("app",), (), ())
    assert (site.product_dir / "app").read_bytes() == program.read_bytes()
    assert (site.product_dir / "app").stat().st_mode & 0o777 == 0o755
    assert site.calls("patchelf") == []


def test_the_closure_travels_and_is_found(site: Site) -> None:
    site.library("libengine.so.108", "libz.so.1", "libstdc++.so.6", "libc.so.6")
    real = site.library("libz.so.1.2.13", "libc.so.6")
    (real.parent / "libz.so.1").symlink_to("libz.so.1.2.13")
    site.library("libstdc++.so.6", "libm.so.6", place="lib/aarch64-linux-gnu")
    program = site.elf(site.root / "app", "libengine.so.108", "libc.so.6")
    tree = site.bundle(ProductFile(source=program, name="app"), ProductFile(source=program, name="tools/more"))
    names = ["libengine.so.108", "libz.so.1", "libstdc++.so.6"]
    assert [library.name for library in tree.libraries] == names
    assert tree.files == ("app", *sorted(f"lib/{name}" for name in names), "tools/more")
    assert (site.product_dir / "lib/libz.so.1").read_bytes() == real.read_bytes()
    staging = site.root / ".product.part"
    assert sorted(site.calls("patchelf")) == [
        ["--set-rpath", "$ORIGIN", str(staging / "lib/libengine.so.108")],
        ["--set-rpath", "$ORIGIN/../lib", str(staging / "tools/more")],
        ["--set-rpath", "$ORIGIN/lib", str(staging / "app")],
    ]


def test_a_library_for_another_machine_does_not_count(site: Site) -> None:
    site.elf(site.sysroot / "usr/lib/libx.so.1", target=find_target("amd64"))
    program = site.elf(site.root / "app", "libx.so.1")
    with pytest.raises(PackageError) as caught:
        site.bundle(ProductFile(source=program, name="app"))
    assert str(caught.value) == (
        "error: app needs the library libx.so.1, and the arm64 sysroot has none of that name\n"
        "  usual cause: the package that provides it is not among the runtime's packages for the sysroot\n"
        "  what to do:  add the package to the runtime's `v8.packages`, or name the library as one that users have "
        "(`assumed-libraries`)"
    )
    assert not site.product_dir.exists()


def test_a_link_out_of_the_sysroot_does_not_count(site: Site) -> None:
    outside = site.elf(site.root / "libx.so.1", "libc.so.6")
    directory = site.sysroot / "usr/lib/aarch64-linux-gnu"
    directory.mkdir(parents=True)
    (directory / "libx.so.1").symlink_to(outside)
    with pytest.raises(PackageError, match=r"needs the library libx\.so\.1"):
        site.bundle(ProductFile(source=site.elf(site.root / "app", "libx.so.1"), name="app"))


def test_directories_of_ld_so_conf_come_first(site: Site) -> None:
    site.text("etc/ld.so.conf.d/engine.conf", "# engine\n/opt/engine/lib\n")
    wanted = site.library("libx.so.1", "libc.so.6", place="opt/engine/lib")
    site.library("libx.so.1", "libc.so.6", "libm.so.6")
    tree = site.bundle(ProductFile(source=site.elf(site.root / "app", "libx.so.1"), name="app"))
    assert [library.source for library in tree.libraries] == [wanted]


def test_what_users_have_does_not_travel(site: Site) -> None:
    site.library("libx.so.1", "liby.so.1")
    site.library("liby.so.1")
    program = site.elf(site.root / "app", "libx.so.1", "libc.so.6")
    tree = site.bundle(ProductFile(source=program, name="app"), assumed=("libx.so.1",))
    assert (tree.files, site.calls("patchelf")) == (("app",), [])
    tree = site.bundle(ProductFile(source=program, name="app"), assumed=("liby.so.1",))
    assert tree.files == ("app", "lib/libx.so.1")


def test_without_bundling_nothing_is_looked_for(site: Site) -> None:
    program = site.elf(site.root / "app", "libnowhere.so.1")
    tree = site.bundle(ProductFile(source=program, name="app"), travels=False)
    assert tree.files == ("app",)


def test_only_programs_are_stripped(site: Site) -> None:
    program = site.elf(site.root / "app", "libc.so.6")
    notes = site.root / "README"
    notes.write_text("hello")
    site.bundle(ProductFile(source=program, name="app"), ProductFile(source=notes, name="README"), strip=True)
    assert site.calls("strip") == [["--strip-all", str(site.root / ".product.part" / "app")]]
    assert (site.product_dir / "README").stat().st_mode & 0o777 == 0o644


def test_copyright_files_of_the_owners_travel(site: Site) -> None:
    site.library("libz.so.1", "libc.so.6")
    for package in ("zlib1g", "libother1", "libz-dev"):
        site.text(f"usr/share/doc/{package}/copyright", f"licence of {package}")
    program = site.elf(site.root / "app", "libz.so.1")
    # Nobody knows whose the library is: all that may hold it.
    unknown = site.bundle(ProductFile(source=program, name="app"))
    assert unknown.license_packages == ("libother1", "zlib1g")
    assert [(library.name, library.package) for library in unknown.libraries] == [("libz.so.1", None)]
    site.text("var/lib/dpkg/info/zlib1g:arm64.list", "/.\n/lib\n/lib/aarch64-linux-gnu/libz.so.1\n")
    site.text("var/lib/dpkg/info/libother1.list", "./usr/lib/aarch64-linux-gnu/libother.so.1\n")
    tree = site.bundle(ProductFile(source=program, name="app"))
    assert tree.license_packages == ("zlib1g",)
    assert [(library.name, library.package) for library in tree.libraries] == [("libz.so.1", "zlib1g")]
    assert (site.product_dir / "licenses/zlib1g/copyright").read_text() == "licence of zlib1g"
