"""Names of rusty_v8's archives, version by version."""

from __future__ import annotations

import pytest

from pipeline.errors import SpecError
from pipeline.v8.names import (
    MirrorFile,
    Profile,
    V8Build,
    archive_name,
    binding_name,
    mirror_files,
    reads_mirror_variable,
    v8_major_minor,
)

ARM64 = "aarch64-unknown-linux-gnu"
ALL_FEATURES = ("v8_enable_pointer_compression", "v8_enable_sandbox", "simdutf", "use_custom_libcxx")


def build(version: str, *features: str, triple: str = ARM64, profile: Profile = "release") -> V8Build:
    return V8Build(version=version, triple=triple, profile=profile, features=frozenset(features))


@pytest.mark.parametrize(
    ("version", "features", "archive", "binding"),
    [
        ("0.3.7", (), "librusty_v8_release_{}.a", None),
        ("0.87.0", (), "librusty_v8_release_{}.a", None),
        ("0.88.0", (), "librusty_v8_release_{}.a.gz", None),
        ("0.94.0", (), "librusty_v8_release_{}.a.gz", None),
        ("0.95.0", (), "librusty_v8_release_{}.a.gz", "src_binding_release_{}.rs"),
        ("134.0.0", ALL_FEATURES, "librusty_v8_release_{}.a.gz", "src_binding_release_{}.rs"),
        ("134.1.0", ALL_FEATURES, "librusty_v8_ptrcomp_release_{}.a.gz", "src_binding_ptrcomp_release_{}.rs"),
        ("137.2.1", (), "librusty_v8_release_{}.a.gz", "src_binding_release_{}.rs"),
        (
            "145.0.0",
            ALL_FEATURES,
            "librusty_v8_ptrcomp_sandbox_release_{}.a.gz",
            "src_binding_ptrcomp_sandbox_release_{}.rs",
        ),
        ("146.6.0", ("simdutf",), "librusty_v8_release_{}.a.gz", "src_binding_release_{}.rs"),
        ("146.7.0", ("simdutf",), "librusty_v8_simdutf_release_{}.a.gz", "src_binding_simdutf_release_{}.rs"),
        (
            "150.4.0",
            ALL_FEATURES,
            "librusty_v8_ptrcomp_sandbox_simdutf_release_{}.a.gz",
            "src_binding_ptrcomp_sandbox_simdutf_release_{}.rs",
        ),
    ],
)
def test_names_follow_the_history(version: str, features: tuple[str, ...], archive: str, binding: str | None) -> None:
    asked = build(version, *features)
    assert archive_name(asked) == archive.format(ARM64)
    assert binding_name(asked) == (binding and binding.format(ARM64))


def test_the_sandbox_implies_pointer_compression() -> None:
    assert archive_name(build("145.0.0", "v8_enable_sandbox")).startswith("librusty_v8_ptrcomp_sandbox_")


def test_profile_and_triple_stand_in_the_name() -> None:
    assert archive_name(build("137.2.1", profile="debug")) == f"librusty_v8_debug_{ARM64}.a.gz"
    windows = build("137.2.1", triple="x86_64-pc-windows-msvc", profile="debug")
    assert archive_name(windows) == "rusty_v8_release_x86_64-pc-windows-msvc.lib.gz"


def test_what_a_mirror_must_have() -> None:
    archive = MirrorFile(relative_path=f"v130.0.1/librusty_v8_release_{ARM64}.a.gz", kind="archive")
    assert mirror_files(build("130.0.1")) == (archive,)
    assert [file.relative_path for file in mirror_files(build("130.0.2"))] == [
        f"v130.0.2/librusty_v8_release_{ARM64}.a.gz",
        f"v130.0.2/src_binding_release_{ARM64}.rs",
    ]


def test_when_the_mirror_variable_came() -> None:
    assert not reads_mirror_variable(build("0.9.0"))
    assert reads_mirror_variable(build("0.9.1"))


@pytest.mark.parametrize(
    ("version", "expected"),
    [("137.2.1", (13, 7)), ("150.4.0", (15, 0)), ("129.0.0", (12, 9)), ("0.106.0", None)],
)
def test_v8s_own_version(version: str, expected: tuple[int, int] | None) -> None:
    assert v8_major_minor(build(version)) == expected


def test_a_crate_that_cannot_read_a_directory() -> None:
    with pytest.raises(SpecError) as caught:
        mirror_files(build("0.10.0"))
    assert str(caught.value) == (
        "error: the v8 crate 0.10.0 cannot take its archive from a directory\n"
        "  usual cause: its build script learned that in 0.11.0\n"
        "  what to do:  use a newer v8 crate, or the provider `source`"
    )


def test_a_version_that_is_none() -> None:
    with pytest.raises(SpecError) as caught:
        mirror_files(build("newest"))
    assert str(caught.value) == (
        "error: 'newest' is not a version of the v8 crate\n"
        "  usual cause: a misspelt version, or one with a leading v\n"
        "  what to do:  give it as Cargo.lock does, such as 137.2.1"
    )


def test_crates_before_the_first_archive() -> None:
    with pytest.raises(SpecError, match=r"there are no prebuilt archives of the v8 crate 0\.3\.6"):
        archive_name(build("0.3.6"))
