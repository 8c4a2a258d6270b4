"""What runners of other systems leave: compared with headers, measured where there is no manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ArchiveError, PrebuildError
from pipeline.model.prebuilds.manifest import Prebuild, Probe
from pipeline.model.target import find_target
from pipeline.prebuilding.elsewhere import Measure, read_elsewhere
from pipeline.prebuilding.layout import write_layout
from tests.unit.elf.files import ElfSpec, elf_file
from tests.unit.installing.releases import sha256
from tests.unit.prebuilding.others import ARM64, IOS, X64, macho, pe, universal
from tests.unit.prebuilding.prebuilds import manifest_of

HEADER = """
#if NAPI_VERSION >= 4
NAPI_EXTERN napi_status napi_create_threadsafe_function(napi_env env);
#endif
NAPI_EXTERN napi_status napi_create_double(napi_env env);
"""
PROBE = Probe(args=("--version",))
AMD64 = find_target("amd64")


@pytest.fixture
def measure(tmp_path: Path) -> Measure:
    headers = tmp_path / "headers"
    headers.mkdir()
    (headers / "js_native_api.h").write_text(HEADER)
    (headers / "node_api.h").write_text("")
    return Measure(headers=headers, probe=PROBE, glibc_floor="2.28")


def left(tmp_path: Path, **files: bytes) -> Path:
    """Write files; ``__`` in a name is ``/``, and ``_`` before the CPU is ``-``."""
    root = tmp_path / "runner"
    for name, content in files.items():
        system, _, rest = name.partition("__")
        path = root / "prebuilds" / system.replace("_", "-") / rest.replace("__", "/")
        path = path if "/bin/" in path.as_posix() else path.with_name(f"{path.name.replace('_', '.')}.node")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def measured(root: Path, measure: Measure) -> tuple[Prebuild, ...]:
    return read_elsewhere(root, "addon", "1.0.0", measure).prebuilds


def test_addons_for_macos_and_windows(tmp_path: Path, measure: Measure) -> None:
    newer = ("napi_create_double", "napi_create_threadsafe_function", "malloc")
    root = left(
        tmp_path,
        darwin_arm64__addon=macho(ARM64, wanted=newer),
        darwin_x64__addon=macho(X64, wanted=("napi_create_double",), version=True),
        win32_x64__addon=pe(early=("malloc",), late=newer),
        win32_arm64__addon_abi137=pe(0xAA64),
    )
    found = measured(root, measure)
    assert [(one.platform, one.arch, one.libc, one.node_api, one.node_abi, one.target) for one in found] == [
        ("darwin", "arm64", None, 4, None, None),
        ("darwin", "x64", None, 9, None, None),  # it says so itself
        ("win32", "arm64", None, None, 137, None),
        ("win32", "x64", None, 4, None, None),
    ]


def test_a_universal_addon_is_good_for_either_cpu(tmp_path: Path, measure: Measure) -> None:
    both = universal((X64, macho(X64, wanted=("napi_create_double",))), (ARM64, macho(ARM64)))
    found = measured(left(tmp_path, darwin_arm64__addon=both, darwin_x64__addon=both), measure)
    assert [one.arch for one in found] == ["arm64", "x64"]


def test_programs(tmp_path: Path, measure: Measure) -> None:
    root = left(tmp_path, darwin_arm64__bin__tool=macho(ARM64), linux_x64__bin__script=b"#!/bin/sh\n")
    tool, script = measured(root, measure)
    assert (tool.path, tool.probe, tool.files[0].executable) == ("prebuilds/darwin-arm64/bin/tool", PROBE, True)
    assert script.libc is None


def test_what_is_for_linux_is_measured_like_our_own(tmp_path: Path, measure: Measure) -> None:
    symbols = (("napi_create_double", None), ("napi_register_module_v1", b"\xc3"))
    content = elf_file(ElfSpec(target=AMD64, versions=(("libc.so.6", ("GLIBC_2.17",)),), symbols=symbols))
    (found,) = measured(left(tmp_path, linux_x64__addon_glibc=content), measure)
    assert (found.libc, found.libc_floor, found.node_api) == ("glibc", "2.17", 1)
    newer = elf_file(ElfSpec(target=AMD64, symbols=symbols))
    with pytest.raises(PrebuildError, match=r"2\.34"):
        measured(left(tmp_path, linux_x64__addon_glibc=newer), measure)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("darwin_arm64__addon", macho(X64), "is for darwin-x64, not for darwin-arm64: its header says so"),
        ("darwin_arm64__addon", pe(), "is for win32-x64, not for darwin-arm64"),
        ("win32_x64__addon", macho(X64), "is for darwin-x64, not for win32-x64"),
        ("darwin_x64__addon", elf_file(ElfSpec(target=AMD64)), "is for linux-x64, not for darwin-x64"),
        ("darwin_arm64__addon", macho(ARM64, system=IOS), "is not for macOS"),
        ("darwin_arm64__addon", b"", "is no library of any system"),
        ("darwin_arm64__addon", macho(ARM64), "calls no function of Node-API, and its name says no ABI"),
        ("darwin_arm64__addon", macho(ARM64, wanted=("napi_unheard_of",)), "which no version of Node-API promises"),
        ("linux_x64__addon", elf_file(ElfSpec(target=AMD64)), "does not say which C library it is for"),
    ],
)
def test_files_that_are_not_what_their_name_says(
    tmp_path: Path, measure: Measure, name: str, content: bytes, why: str
) -> None:
    with pytest.raises(PrebuildError, match=why):
        measured(left(tmp_path, **{name: content}), measure)


@pytest.mark.parametrize("content", [macho(ARM64, wanted=("napi_create_double",)), pe(late=("napi_create_double",))])
def test_files_that_are_cut(tmp_path: Path, measure: Measure, content: bytes) -> None:
    """Whatever is missing, it is an error of ours; a cut after the last table changes nothing that is read."""
    name = "win32_x64__addon" if content.startswith(b"MZ") else "darwin_arm64__addon"
    for length in range(4, len(content) - 16, 7):
        with pytest.raises((ArchiveError, PrebuildError)):
            measured(left(tmp_path, **{name: content[:length]}), measure)


def test_what_has_a_manifest_is_compared_with_its_header_too(tmp_path: Path, measure: Measure) -> None:
    root = left(tmp_path, darwin_arm64__addon=macho(ARM64, wanted=("napi_create_double",)))
    part = read_elsewhere(root, "addon", "1.0.0", measure)
    there = tmp_path / "there"
    write_layout(there, manifest_of(part), part.files)
    assert read_elsewhere(there, "other", "2.0.0", measure).name == "addon"  # the manifest says what it is
    wrong = left(tmp_path / "wrong", darwin_arm64__addon=macho(X64, wanted=("napi_create_double",)))
    file = wrong / "prebuilds/darwin-arm64/addon.node"
    (prebuild,) = measured(root, measure)
    data = {"size_bytes": file.stat().st_size, "sha256": sha256(file.read_bytes())}
    forged = prebuild.model_copy(update={"files": (prebuild.files[0].model_copy(update=data),)})
    write_layout(there, manifest_of(part).model_copy(update={"prebuilds": (forged,)}), {forged.path: file})
    with pytest.raises(PrebuildError, match="is for darwin-x64, not for darwin-arm64"):
        read_elsewhere(there, "addon", "1.0.0", measure)


def test_nothing_there(tmp_path: Path, measure: Measure) -> None:
    with pytest.raises(PrebuildError, match="there are no prebuilds in"):
        measured(tmp_path, measure)
