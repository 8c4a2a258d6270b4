"""The table of distributions, and finding the machine's row."""

from __future__ import annotations

import pydantic
import pytest

from pipeline.errors import ToolboxError
from pipeline.model.distribution import identify, parse_distributions, parse_os_release
from pipeline.toolchains.planner import known_distributions

DEBIAN_12 = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n# comment=1\n'


def test_os_release_values_lose_their_quotes() -> None:
    assert parse_os_release(DEBIAN_12) == {
        "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)",
        "ID": "debian",
        "VERSION_ID": "12",
    }


@pytest.mark.parametrize(
    ("id_", "version", "codename"),
    [("debian", "12", "bookworm"), ("debian", "13", "trixie"), ("ubuntu", "24.04", "noble")],
)
def test_machines_that_the_table_knows(id_: str, version: str, codename: str) -> None:
    _distribution, release = identify(known_distributions(), {"ID": id_, "VERSION_ID": version})
    assert release.codename == codename
    assert release.tools is not None
    assert release.tools.rust


@pytest.mark.parametrize("version", ["11", "99", None])
def test_machines_that_the_table_lacks(version: str | None) -> None:
    os_release = {"ID": "debian", "PRETTY_NAME": "Debian of another day"} | ({"VERSION_ID": version} if version else {})
    with pytest.raises(ToolboxError) as caught:
        identify(known_distributions(), os_release)
    assert str(caught.value) == (
        "error: the toolbox cannot be made on this machine (Debian of another day)\n"
        "  usual cause: it is made from the packages of Debian 12, Debian 13, Ubuntu 24.04\n"
        "  what to do:  use one of these, build in the toolchain image (--toolchain docker), "
        "or install clang, lld, Rust, QEMU and patchelf and give --toolchain host"
    )


def test_a_machine_that_does_not_say_what_it_is() -> None:
    with pytest.raises(ToolboxError, match="on this machine \\(an unnamed system\\)"):
        identify(known_distributions(), {})


def test_names_are_filled_in_for_a_release() -> None:
    debian = known_distributions()[0]
    bullseye = debian.find_release("bullseye")
    assert debian.suites_of(bullseye) == ("bullseye", "bullseye-updates", "bullseye-security")
    assert bullseye.development_packages == ("libc6-dev", "libgcc-10-dev", "libstdc++-10-dev")
    assert "gcc-10" in debian.left_out_of(bullseye)


def test_an_unknown_suite() -> None:
    with pytest.raises(ToolboxError) as caught:
        known_distributions()[0].find_release("bulseye")
    assert str(caught.value) == (
        "error: Debian has no suite 'bulseye' in the table of distributions\n"
        "  usual cause: a misspelt suite, or a release that nobody has tried yet\n"
        "  what to do:  use one of bullseye, bookworm, trixie, or add a row to pipeline/data/distributions.toml"
    )


def test_a_misspelt_key_in_the_table_is_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match=r"distribution\.0\.nmae"):
        parse_distributions('[[distribution]]\nnmae = "Debian"\n')
