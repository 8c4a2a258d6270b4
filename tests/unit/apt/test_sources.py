"""Reading the machine's apt sources, and choosing ours from them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from pipeline.apt.sources import (
    AptSettings,
    MachineEntry,
    Source,
    SourceRequest,
    choose_sources,
    is_own,
    parse_deb822,
    parse_one_line,
    read_machine_entries,
)
from pipeline.errors import ToolboxError
from pipeline.model.distribution import Distribution
from pipeline.toolchains.planner import known_distributions

DEBIAN, UBUNTU = known_distributions()
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def entry(
    uri: str, *suites: str, signed_by: str | None = None, components: tuple[str, ...] = ("main",)
) -> MachineEntry:
    return MachineEntry(uri=uri, suites=suites, components=components, signed_by=signed_by)


def request(
    *entries: MachineEntry,
    distribution: Distribution = DEBIAN,
    suite: str = "bookworm",
    architecture: str = "arm64",
    settings: AptSettings | None = None,
) -> SourceRequest:
    own = "bookworm" if distribution is DEBIAN else "noble"
    return SourceRequest(
        distribution=distribution,
        machine_release=distribution.find_release(own),
        release=distribution.find_release(suite),
        architecture=architecture,
        entries=entries,
        settings=settings or AptSettings(),
    )


def test_the_one_line_format() -> None:
    text = (
        "# deb http://m.example.org/off bookworm main\n"
        "deb-src http://m.example.org/debian bookworm main\n"
        "deb http://m.example.org/debian bookworm main contrib # trailing\n"
        f"deb [arch=amd64 signed-by={KEYRING}] http://m.example.org/debian bookworm-updates main\n"
    )
    assert list(parse_one_line(text)) == [
        entry("http://m.example.org/debian", "bookworm", components=("main", "contrib")),
        entry("http://m.example.org/debian", "bookworm-updates", signed_by=KEYRING),
    ]


def test_the_deb822_format() -> None:
    text = (
        "Types: deb deb-src\n# a comment inside\nURIs: http://a.example.org/debian\n http://b.example.org/debian\n"
        f"Suites: bookworm bookworm-updates\nComponents: main\nSigned-By: {KEYRING}\n"
        "\n\n"
        "Types: deb\nURIs: http://off.example.org/debian\nSuites: bookworm\nComponents: main\nEnabled: no\n"
        "\n"
        "Types: deb-src\nURIs: http://src.example.org/debian\nSuites: bookworm\nComponents: main\n"
    )
    assert list(parse_deb822(text)) == [
        entry("http://a.example.org/debian", "bookworm", "bookworm-updates", signed_by=KEYRING),
        entry("http://b.example.org/debian", "bookworm", "bookworm-updates", signed_by=KEYRING),
    ]


def test_both_formats_are_read_from_a_machine(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example.org/debian bookworm main\n")
    (tmp_path / "sources.list.d/b.list").write_text("deb http://b.example.org/debian bookworm main\n")
    (tmp_path / "sources.list.d/c.sources").write_text(
        "Types: deb\nURIs: http://c.example.org/debian\nSuites: bookworm\nComponents: main\n"
    )
    (tmp_path / "sources.list.d/d.list.disabled").write_text("deb http://d.example.org/debian bookworm main\n")
    assert [found.uri for found in read_machine_entries(tmp_path)] == [
        "http://a.example.org/debian",
        "http://b.example.org/debian",
        "http://c.example.org/debian",
    ]


def test_a_machine_without_sources(tmp_path: Path) -> None:
    assert read_machine_entries(tmp_path) == ()


@pytest.mark.parametrize(
    ("found", "own"),
    [
        (entry("http://m.example.org/debian", "bookworm"), True),
        (entry("http://m.example.org/some/where", "bookworm", signed_by=KEYRING), True),
        (entry("mirror+file:///etc/apt/mirrors/debian.list", "bookworm"), True),
        (entry("http://m.example.org/archive/debian/20250520T000000Z", "bookworm"), True),
        # Third parties that use Debian's suite and component names:
        (entry("https://apt.example.com", "bookworm"), False),
        (entry("https://example.com/debian", "bookworm", signed_by="/usr/share/keyrings/example.gpg"), False),
        (entry("https://example.com/debian", "bookworm", signed_by="/etc/apt/keyrings/debian-archive.gpg"), False),
        (entry("https://example.com/linux/debian", "bookworm", components=("stable",)), False),
    ],
    ids=lambda value: value.uri if isinstance(value, MachineEntry) else "",
)
def test_whose_archive_an_entry_is(found: MachineEntry, *, own: bool) -> None:
    assert is_own(found, DEBIAN) is own


MAIN = entry("http://m.example.org/debian", "bookworm", "bookworm-updates", signed_by=KEYRING)
SECURITY = entry("http://s.example.org/debian-security", "bookworm-security", signed_by=KEYRING)


def test_the_machines_mirrors_serve_its_own_release() -> None:
    third = entry("https://apt.example.com", "bookworm")
    assert choose_sources(request(third, MAIN, SECURITY)) == (
        Source(uri="http://m.example.org/debian", suite="bookworm", components=("main",)),
        Source(uri="http://m.example.org/debian", suite="bookworm-updates", components=("main",)),
        Source(uri="http://s.example.org/debian-security", suite="bookworm-security", components=("main",)),
    )


def test_another_release_comes_from_the_same_mirrors() -> None:
    assert [(s.uri, s.suite) for s in choose_sources(request(MAIN, SECURITY, suite="bullseye"))] == [
        ("http://m.example.org/debian", "bullseye"),
        ("http://m.example.org/debian", "bullseye-updates"),
        ("http://s.example.org/debian-security", "bullseye-security"),
    ]


def test_another_release_comes_from_where_the_machine_has_it() -> None:
    old = dataclasses.replace(entry("http://old.example.org/debian", "bullseye"), check_valid_until=False)
    third = entry("https://apt.example.com", "bullseye")
    sources = choose_sources(request(MAIN, SECURITY, third, old, suite="bullseye"))
    assert [(s.uri, s.suite, s.check_valid_until) for s in sources] == [
        ("http://old.example.org/debian", "bullseye", False),
        ("http://m.example.org/debian", "bullseye-updates", True),
        ("http://s.example.org/debian-security", "bullseye-security", True),
    ]
    assert sources[0].deb822().endswith("Targets: Packages\nCheck-Valid-Until: no\n")
    assert sources[1].deb822().endswith("Targets: Packages\n")
    assert len({json.dumps(source.identity()) for source in sources}) == 3


def test_lists_that_may_be_expired() -> None:
    (one_line,) = parse_one_line("deb [check-valid-until=no] http://m.example.org/debian bullseye main\n")
    (stanza,) = parse_deb822(
        "Types: deb\nURIs: http://m.example.org/debian\nSuites: bullseye\nComponents: main\nCheck-Valid-Until: no\n"
    )
    assert not one_line.check_valid_until
    assert not stanza.check_valid_until
    (usual,) = parse_one_line("deb [check-valid-until=yes] http://m.example.org/debian bullseye main\n")
    assert usual.check_valid_until


def test_the_users_mirror_comes_first() -> None:
    settings = AptSettings.from_environment(
        {"SNAPSTITCH_APT_MIRROR": "http://u.example.org/d", "SNAPSTITCH_APT_KEYRING": "/k.gpg"}
    )
    assert settings.keyring == Path("/k.gpg")
    assert {s.uri for s in choose_sources(request(MAIN, SECURITY, settings=settings))} == {
        "http://u.example.org/d",
        "http://s.example.org/debian-security",
    }


def test_no_mirror_at_all() -> None:
    with pytest.raises(ToolboxError) as caught:
        choose_sources(request(entry("https://apt.example.com", "bookworm")))
    assert str(caught.value) == (
        "error: no mirror of Debian is known\n"
        "  usual cause: the machine's apt sources (/etc/apt) have no entry for bookworm that is Debian's own\n"
        "  what to do:  set SNAPSTITCH_APT_MIRROR (and SNAPSTITCH_APT_SECURITY_MIRROR) to the URI of a mirror"
    )


NOBLE = entry("http://de.archive.example.org/ubuntu", "noble", "noble-updates", components=("main", "universe"))


@pytest.mark.parametrize(
    ("architecture", "uri"),
    [
        ("amd64", "http://de.archive.example.org/ubuntu"),
        ("arm64", "http://ports.example.org/ubuntu-ports"),
        ("s390x", "http://ports.example.org/ubuntu-ports"),
    ],
)
def test_ubuntus_other_architectures_live_in_the_archive_of_ports(architecture: str, uri: str) -> None:
    sources = choose_sources(request(NOBLE, distribution=UBUNTU, suite="noble", architecture=architecture))
    assert {(source.uri, source.components) for source in sources} == {(uri, ("main", "universe"))}


def test_a_mirror_of_ubuntu_that_does_not_tell_where_ports_are() -> None:
    mirror = entry("http://mirror.example.org/ubuntu", "noble", components=("main", "universe"))
    asked = request(mirror, distribution=UBUNTU, suite="noble")
    with pytest.raises(ToolboxError) as caught:
        choose_sources(asked)
    assert str(caught.value) == (
        "error: no mirror is known for Ubuntu packages of arm64\n"
        "  usual cause: Ubuntu keeps this architecture in its archive of ports, "
        "and http://mirror.example.org/ubuntu does not tell where that is\n"
        "  what to do:  set SNAPSTITCH_APT_PORTS_MIRROR to the URI of a ports mirror"
    )
    settings = AptSettings(ports_mirror="http://p.example.org/u")
    given = request(mirror, distribution=UBUNTU, suite="noble", settings=settings)
    assert {source.uri for source in choose_sources(given)} == {"http://p.example.org/u"}


def test_a_source_as_apt_reads_it() -> None:
    source = Source(uri="http://m.example.org/debian", suite="bookworm", components=("main", "extra"))
    assert source.deb822() == (
        "Types: deb\nURIs: http://m.example.org/debian\nSuites: bookworm\nComponents: main extra\nTargets: Packages\n"
    )
