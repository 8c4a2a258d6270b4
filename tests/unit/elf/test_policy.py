"""What is said about ELF files that fit their target and about those that do not."""

from __future__ import annotations

import io

import pytest

from pipeline.elf.policy import ElfPolicy, check_elf, is_base_library
from pipeline.elf.reader import read_elf_stream
from pipeline.model.findings import Finding, Severity, verdict
from pipeline.model.target import TARGETS, Target, find_target
from tests.unit.elf.files import ElfSpec, elf_file

ARM64 = find_target("arm64")


def check(spec: ElfSpec, policy: ElfPolicy | None = None) -> dict[str, Finding]:
    facts = read_elf_stream(io.BytesIO(elf_file(spec)), name="x")
    findings = check_elf(facts, policy or ElfPolicy(target=spec.target), "app")
    assert len({finding.id for finding in findings}) == len(findings)
    return {finding.id: finding for finding in findings}


def said(findings: dict[str, Finding], name: str) -> tuple[Severity, str]:
    return findings[name].severity, findings[name].message


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_right_program_passes(target: Target) -> None:
    loader = target.interpreter.rpartition("/")[2]
    spec = ElfSpec(target=target, interpreter=target.interpreter, needed=("libc.so.6", "libm.so.6", loader))
    findings = check(spec, ElfPolicy(target=target, glibc_floor=(2, 34)))
    assert verdict(findings.values()) is Severity.OK
    assert said(findings, "elf.glibc") == (Severity.OK, "needs glibc 2.34, the target declares 2.34")


@pytest.mark.parametrize("other", [t for t in TARGETS if t != ARM64], ids=lambda target: target.name)
def test_another_architecture_is_the_only_thing_said(other: Target) -> None:
    findings = check(ElfSpec(target=other), ElfPolicy(target=ARM64))
    assert list(findings) == ["elf.machine"]
    words = f"is {other.elf_class}-bit {other.endianness}-endian {other.name}, not 64-bit little-endian arm64"
    assert said(findings, "elf.machine") == (Severity.FAIL, words)


def test_a_newer_glibc_than_declared() -> None:
    findings = check(ElfSpec(target=ARM64), ElfPolicy(target=ARM64, glibc_floor=(2, 31)))
    words = "needs glibc 2.34, newer than the 2.31 that the target declares"
    assert said(findings, "elf.glibc") == (Severity.FAIL, words)


def test_without_a_declared_glibc_the_need_is_a_fact() -> None:
    assert said(check(ElfSpec(target=ARM64)), "elf.glibc") == (Severity.INFO, "needs glibc 2.34")


def test_a_library_that_nobody_provides() -> None:
    spec = ElfSpec(target=ARM64, needed=("libfoo.so.1", "libc.so.6"))
    words = "needs libfoo.so.1, which neither the product nor the C library provides"
    assert said(check(spec), "elf.needed") == (Severity.FAIL, words)
    assumed = ElfPolicy(target=ARM64, assumed=frozenset({"libfoo.so.1"}))
    words = "needs only libraries of the product and the C library, and libfoo.so.1, which users are assumed to have"
    assert said(check(spec, assumed), "elf.needed") == (Severity.OK, words)


def test_only_what_is_needed_and_does_not_travel_is_told_as_assumed() -> None:
    policy = ElfPolicy(target=ARM64, assumed=frozenset({"libc.so.6", "libfoo.so.1", "libbar.so.1"}))
    words = "needs only libraries of the product and the C library"
    assert said(check(ElfSpec(target=ARM64), policy), "elf.needed") == (Severity.OK, words)


def test_a_library_of_the_product_must_be_found() -> None:
    policy = ElfPolicy(target=ARM64, provided=frozenset({"libfoo.so.1"}))
    needed = ("libfoo.so.1", "libc.so.6")
    lost = check(ElfSpec(target=ARM64, needed=needed), policy)
    assert said(lost, "elf.runpath") == (Severity.FAIL, "has no RUNPATH and will not find the product's libraries")
    found = check(ElfSpec(target=ARM64, needed=needed, runpath="$ORIGIN/lib"), policy)
    assert said(found, "elf.runpath") == (Severity.OK, "finds the product's libraries by $ORIGIN/lib")


def test_a_path_of_the_build_machine() -> None:
    findings = check(ElfSpec(target=ARM64, runpath="/home/me/sysroot/lib"))
    words = "looks for libraries in /home/me/sysroot/lib, a place of the machine that built it"
    assert said(findings, "elf.runpath") == (Severity.FAIL, words)


def test_another_loader() -> None:
    findings = check(ElfSpec(target=ARM64, interpreter="/lib/ld-musl-aarch64.so.1"))
    words = (
        "is started by /lib/ld-musl-aarch64.so.1, which arm64 systems do not have; they have /lib/ld-linux-aarch64.so.1"
    )
    assert said(findings, "elf.interpreter") == (Severity.FAIL, words)


@pytest.mark.parametrize(
    ("name", "flags", "severity"),
    [
        ("armhf", 0x05000400, Severity.OK),
        ("armhf", 0x05000000, Severity.OK),
        ("armhf", 0x05000200, Severity.FAIL),
        ("ppc64el", 2, Severity.OK),
        ("ppc64el", 1, Severity.FAIL),
    ],
)
def test_abi_flags(name: str, flags: int, severity: Severity) -> None:
    assert check(ElfSpec(target=find_target(name), flags=flags))["elf.abi"].severity is severity


def test_small_alignment_is_a_fact() -> None:
    findings = check(ElfSpec(target=ARM64, alignment_bytes=4096))
    assert said(findings, "elf.alignment") == (
        Severity.INFO,
        "runs on kernels with pages of up to 4 KiB, not on those with 16 KiB and 64 KiB",
    )


def test_executable_stack_fails() -> None:
    assert said(check(ElfSpec(target=ARM64, stack_flags=7)), "elf.stack") == (
        Severity.FAIL,
        "asks for an executable stack",
    )


def test_base_libraries_are_those_of_the_c_library() -> None:
    names = ("libc.so.6", "ld-linux-aarch64.so.1", "libstdc++.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2")
    assert [is_base_library(name, ARM64) for name in names] == [True, True, False, False, False]


def test_libstdcxx_and_the_compiler_it_comes_with() -> None:
    versions = (("libstdc++.so.6", ("GLIBCXX_3.4.30", "GLIBCXX_3.4.9", "CXXABI_1.3.13")),)
    finding = check(ElfSpec(target=ARM64, versions=versions))["elf.libstdcxx"]
    assert finding.message == "needs libstdc++ with GLIBCXX_3.4.30, that of GCC 12.1"
    assert finding.evidence == {"glibcxx": "3.4.30", "cxxabi": "1.3.13", "gcc": "12.1"}


def test_what_a_root_file_system_must_have() -> None:
    spec = ElfSpec(target=ARM64, interpreter="/lib/ld-linux-aarch64.so.1", runpath="/opt/app/lib")
    names = frozenset({"libc.so.6", "ld-linux-aarch64.so.1"})
    whole = ElfPolicy(target=ARM64, is_root=True, provided=names)
    assert not [finding for finding in check(spec, whole).values() if finding.severity is Severity.FAIL]
    empty = check(spec, ElfPolicy(target=ARM64, is_root=True))
    words = "is started by /lib/ld-linux-aarch64.so.1, which the image does not have"
    assert said(empty, "elf.interpreter") == (Severity.FAIL, words)
    assert empty["elf.needed"].severity is Severity.FAIL
