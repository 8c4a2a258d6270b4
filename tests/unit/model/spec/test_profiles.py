"""Profiles as data: which of them reach Cargo, as which settings, and overrides that are for nothing."""

from __future__ import annotations

import pytest

from pipeline.model.analysis import PackageKey
from pipeline.model.spec.profiles import Profiles, chosen, profile_settings, unmatched_overrides

PROFILES: Profiles = {
    "fast": {"inherits": "release", "opt-level": 1},
    "release": {"lto": True, "opt-level": "z", "package": {"serde": {"opt-level": 3}}},
    "symbols": {"inherits": "lite", "debug": True},
    "lite": {"inherits": "release", "lto": "thin"},
    "round": {"inherits": "about"},
    "about": {"inherits": "round"},
}
LOCKED = (
    PackageKey(name="serde", version="1.0.219", source="registry"),
    PackageKey(name="bitflags", version="1.3.2", source="registry"),
    PackageKey(name="bitflags", version="2.9.0", source="registry"),
)


def test_settings_of_nested_tables() -> None:
    profiles: Profiles = {
        "release": {"lto": True, "opt-level": "z", "package": {"a.b": {"opt-level": 3}, "*": {"debug": False}}}
    }
    assert profile_settings(profiles) == (
        "profile.release.lto=true",
        'profile.release.opt-level="z"',
        'profile.release.package."a.b".opt-level=3',
        'profile.release.package."*".debug=false',
    )


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("release", ["release"]),
        ("fast", ["fast"]),
        ("symbols", ["symbols", "lite"]),
        ("round", ["round", "about"]),
        ("dev", []),
    ],
)
def test_only_what_is_built_with_reaches_cargo(name: str, kept: list[str]) -> None:
    """Above all, `fast` must not get the overrides of the `release` beside it."""
    assert list(chosen(PROFILES, name)) == kept


@pytest.mark.parametrize("spec", ["serde", "serde@1.0.219", "serde:1.0", "serde@1", "bitflags@2", "*", "https://x/y#z"])
def test_overrides_for_packages_of_the_lock(spec: str) -> None:
    assert unmatched_overrides({"release": {"package": {spec: {"opt-level": 3}}}}, LOCKED) == ()


@pytest.mark.parametrize(
    ("spec", "guess"),
    [
        ("serd", "; did you mean 'serde'?"),
        ("zlib", ""),
        ("bitflags@3", "; did you mean 'bitflags'?"),
        ("serde@1.0.2", "; did you mean 'serde'?"),
    ],
)
def test_overrides_for_nothing(spec: str, guess: str) -> None:
    found = unmatched_overrides({"release": {"package": {spec: {"opt-level": 3}}}}, LOCKED)
    assert [str(unmatched) for unmatched in found] == [
        f"the profile 'release' has settings for '{spec}', which Cargo.lock does not name{guess}"
    ]


def test_a_profile_without_overrides() -> None:
    assert unmatched_overrides({"fast": {"opt-level": 1, "package": 3}}, LOCKED) == ()
