"""The whole verdict about products: right ones, and one for each thing that can be wrong."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import ToolboxError
from pipeline.model.events import NullReporter
from pipeline.model.findings import Finding, Severity, failed, verdict
from pipeline.model.spec.runtime_parts import Canary
from pipeline.model.target import find_target
from pipeline.packing.zips import ZipMember, write_zip
from pipeline.stages.building import verify
from pipeline.stages.building.verify import VerifyInputs, make_bare_root
from tests.unit.elf.files import ElfSpec, elf_file
from tests.unit.here import HereExecutor
from tests.unit.v8.blobs import BlobSpec, blob, noise

ARM64 = find_target("arm64")
RO = noise(1, 30_000)
OWN = blob(BlobSpec(contexts=1, read_only=RO))
MADE = blob(BlobSpec(contexts=2, read_only=RO, context_0=noise(8, 5000)))


@dataclasses.dataclass(frozen=True)
class Product:
    root: Path

    @property
    def product_dir(self) -> Path:
        return self.root / "product"

    def add(self, name: str, content: bytes, mode: int = 0o644) -> None:
        path = self.product_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)

    def script(self, text: str) -> None:
        self.add("app", f"#!/bin/sh\n{text}\n".encode(), 0o755)

    @property
    def snapshot(self) -> tuple[str, Path]:
        path = self.root / "made.bin"
        path.write_bytes(MADE)
        return "snap/made.bin", path

    def verify(
        self,
        *canaries: Canary,
        product: Path | None = None,
        glibc: str | None = "2.36",
        assumed: tuple[str, ...] = (),
    ) -> tuple[Finding, ...]:
        context = Context(cache_dir=self.root / "cache", reporter=NullReporter(), environ={})
        inputs = VerifyInputs(
            product=product or self.product_dir,
            target=ARM64,
            program="app",
            glibc_floor=glibc,
            assumed_libraries=frozenset(assumed),
            snapshots=(self.snapshot,),
            executor=HereExecutor(),
            canaries=canaries,
        )
        return verify.run(inputs, context)


@pytest.fixture
def product(tmp_path: Path) -> Product:
    made = Product(tmp_path)
    made.add("lib/libengine.so.1", elf_file(ElfSpec(target=ARM64, payload=OWN)))
    made.add("lib/libprogram.so", elf_file(ElfSpec(target=ARM64, payload=MADE)))
    made.script('[ "$1" = eval ] && echo $(($2)) && exit 0; echo "no such command" >&2; exit 3')
    return made


def failures(findings: tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    return [(finding.id, finding.subject, finding.message) for finding in failed(findings)]


def test_a_right_product_passes(product: Product) -> None:
    findings = product.verify(Canary(args=("eval", "6 * 7"), stdout="42\n"))
    assert failures(findings) == []
    assert verdict(findings) is Severity.OK
    assert [finding.id for finding in findings if finding.id.startswith(("v8", "snapshot", "canary"))] == [
        "snapshot.present",
        "v8.snapshot",
        "v8.snapshot",
        "v8.consistency",
        "canary.pace",
        "canary",
    ]
    evidence = findings[-1].evidence
    assert findings[-1].subject == "app eval 6 * 7"
    assert (evidence["exit_code"], evidence["stdout"], evidence["executor"]) == (0, "42", "here 1")


def test_a_zip_is_checked_as_it_will_be_unpacked(product: Product) -> None:
    files = [path for path in product.product_dir.rglob("*") if path.is_file()]
    members = [
        ZipMember(name=path.relative_to(product.product_dir).as_posix(), source=path, mode=path.stat().st_mode & 0o777)
        for path in files
    ]
    write_zip(product.root / "app.zip", members, epoch_s=0)
    findings = product.verify(Canary(args=("eval", "1 + 1"), stdout="2"), product=product.root / "app.zip")
    assert verdict(findings) is Severity.OK
    assert list((product.root / "cache/verify").iterdir()) == []


def test_a_program_by_itself_under_another_name(product: Product) -> None:
    program = shutil.copy2(product.product_dir / "lib/libprogram.so", product.root / "program-arm64")
    inputs = VerifyInputs(product=Path(program), target=ARM64, program="bin/app")
    findings = verify.run(inputs, Context(cache_dir=product.root / "cache", reporter=NullReporter(), environ={}))
    assert {finding.subject for finding in findings if finding.id.startswith("elf.")} == {"bin/app"}
    assert failures(findings) == []
    assert list((product.root / "cache/verify").iterdir()) == []


def test_a_file_of_another_architecture(product: Product) -> None:
    product.add("lib/addon.node", elf_file(ElfSpec(target=find_target("amd64"))))
    words = "is 64-bit little-endian amd64, not 64-bit little-endian arm64"
    assert failures(product.verify()) == [("elf.machine", "lib/addon.node", words)]


def test_a_damaged_program(product: Product) -> None:
    product.add("lib/cut.so", elf_file(ElfSpec(target=ARM64))[:100])
    (found,) = failures(product.verify())
    assert found[:2] == ("elf.readable", "lib/cut.so")
    assert "cut.so is not a readable ELF file: " in found[2]


def test_a_newer_c_library(product: Product) -> None:
    found = failures(product.verify(glibc="2.31"))
    words = "needs glibc 2.34, newer than the 2.31 that the target declares"
    assert found == [("elf.glibc", name, words) for name in ("lib/libengine.so.1", "lib/libprogram.so")]


def test_the_snapshot_of_another_architecture(product: Product) -> None:
    foreign = blob(BlobSpec(contexts=2, read_only=noise(7, 30_008)))
    product.add("lib/libprogram.so", elf_file(ElfSpec(target=ARM64, payload=foreign)))
    assert [found[0] for found in failures(product.verify())] == ["snapshot.present", "v8.consistency"]


def test_no_program_at_all(tmp_path: Path) -> None:
    empty = Product(tmp_path)
    empty.script("exit 0")
    assert failures(empty.verify()) == [("product.files", "product", "holds no program at all")]


@pytest.mark.parametrize(
    ("canary", "message"),
    [
        (Canary(args=("eval", "1")), None),
        (Canary(args=("eval", "2"), stdout="3"), "printed '2' instead of '3'"),
        (Canary(args=("eval", "2"), stdout_contains="x"), "printed '2', without 'x'"),
        (Canary(args=("eval", "27"), stdout_contains="7"), None),
        (Canary(args=("go",), exit_code=3), None),
        (Canary(args=("go",)), "ended with exit status 3 instead of 0 (it said: no such command)"),
    ],
)
def test_what_canaries_say(product: Product, canary: Canary, message: str | None) -> None:
    finding = product.verify(canary)[-1]
    assert finding.severity is (Severity.FAIL if message else Severity.OK)
    if message:
        assert finding.message == message


def test_a_crash_is_named_by_its_signal(product: Product) -> None:
    product.script("kill -SEGV $$")
    assert product.verify(Canary(args=("eval",)))[-1].message == "ended with signal SIGSEGV instead of 0"


def test_a_canary_that_hangs_but_keeps_talking(product: Product) -> None:
    product.script("while :; do echo still here; sleep 0.05; done")
    finding = product.verify(Canary(args=("x",), timeout_s=0.5))[-1]
    assert finding.message == f"did not end within {finding.evidence['timeout_s']:.1f} s"


def test_each_canary_starts_in_an_empty_directory_without_our_environment(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/build/machine")
    product.script('ls -A; echo "[$LD_LIBRARY_PATH]"; touch left-behind')
    findings = product.verify(Canary(args=("1",), stdout="[]"), Canary(args=("2",), stdout="[]"))
    assert failures(findings) == []


def test_a_program_that_is_not_there(product: Product) -> None:
    (product.product_dir / "app").unlink()
    assert failures(product.verify(Canary(args=("1",)))) == [("canary.program", "app", "is not in the product")]


def test_a_bare_root_holds_the_c_library_only(tmp_path: Path) -> None:
    sysroot = tmp_path / "sysroot"
    triple = sysroot / "usr/lib/aarch64-linux-gnu"
    triple.mkdir(parents=True)
    (sysroot / "lib").symlink_to("usr/lib")
    for name in ("libc.so.6", "libm.so.6", "libstdc++.so.6", "libc.so", "ld-linux-aarch64.so.1"):
        (triple / name).write_text(name)
    (sysroot / "usr/lib/ld-linux-aarch64.so.1").symlink_to("aarch64-linux-gnu/ld-linux-aarch64.so.1")
    bare = make_bare_root(sysroot, ARM64, tmp_path / "bare")
    files = {path.relative_to(bare).as_posix() for path in bare.rglob("*") if path.is_file()}
    assert files == {
        fs.SENTINEL_NAME,
        "lib/ld-linux-aarch64.so.1",
        "lib/aarch64-linux-gnu/ld-linux-aarch64.so.1",
        "lib/aarch64-linux-gnu/libc.so.6",
        "lib/aarch64-linux-gnu/libm.so.6",
    }


def test_a_bare_root_holds_what_users_have_beside_it(tmp_path: Path) -> None:
    triple = tmp_path / "sysroot/lib/aarch64-linux-gnu"
    triple.mkdir(parents=True)
    (tmp_path / "sysroot/lib/ld-linux-aarch64.so.1").write_text("loader")
    (triple / "libc.so.6").write_text("libc")
    (triple / "libx.so.1.2").write_text("real")
    (triple / "libother.so.1").write_text("other")
    bare = make_bare_root(tmp_path / "sysroot", ARM64, tmp_path / "bare", assumed={"libx.so.1": triple / "libx.so.1.2"})
    libraries = {path.name: path.read_text() for path in (bare / "lib/aarch64-linux-gnu").iterdir()}
    assert libraries == {"libc.so.6": "libc", "libx.so.1": "real"}


def test_exactly_the_assumed_libraries_may_be_missing(product: Product) -> None:
    program = elf_file(ElfSpec(target=ARM64, needed=("libx.so.1", "libc.so.6")))
    product.add("tool", program)
    words = "needs libx.so.1, which neither the product nor the C library provides"
    assert failures(product.verify()) == [("elf.needed", "tool", words)]
    assert failures(product.verify(assumed=("liby.so.1",))) == [("elf.needed", "tool", words)]
    (found,) = (f for f in product.verify(assumed=("libx.so.1",)) if (f.id, f.subject) == ("elf.needed", "tool"))
    assert found.severity is Severity.OK
    assert found.message == (
        "needs only libraries of the product and the C library, and libx.so.1, which users are assumed to have"
    )
    assert found.evidence == {"needed": ("libx.so.1", "libc.so.6"), "missing": (), "assumed": ("libx.so.1",)}


def test_a_sysroot_without_a_loader(tmp_path: Path) -> None:
    (tmp_path / "sysroot").mkdir()
    with pytest.raises(ToolboxError) as caught:
        make_bare_root(tmp_path / "sysroot", ARM64, tmp_path / "bare")
    assert str(caught.value) == (
        "error: the arm64 sysroot has no dynamic loader /lib/ld-linux-aarch64.so.1\n"
        "  usual cause: the sysroot was unpacked only in part, or is for another target\n"
        "  what to do:  delete it from the cache directory and run the same command again"
    )


def test_a_snapshot_that_names_the_build_hosts_triple(product: Product) -> None:
    startup = noise(1, 900) + b"\0x86_64-unknown-linux-gnu\0" + noise(2, 900)
    made = blob(BlobSpec(contexts=2, read_only=RO, context_0=noise(8, 5000), startup=startup))
    product.add("lib/libprogram.so", elf_file(ElfSpec(target=ARM64, payload=made)))
    (wrong,) = (finding for finding in failed(product.verify()) if finding.id == "v8.triple")
    assert wrong.message == (
        "names the triple x86_64-unknown-linux-gnu, but its program is for aarch64-unknown-linux-gnu: "
        "it was made for a build host"
    )
